"""Put a judgement into words that an engineer can act on."""
