#!/bin/bash
# Records what nc and dig really write, through the probe script itself, one file per situation: TOOL-SITUATION.txt.
#
#     tests/data/recorded/record.sh nc  [NC]     TOOL is nc: OpenBSD netcat, here with glibc
#     tests/data/recorded/record.sh musl NC      the same, a netcat built with musl
#     tests/data/recorded/record.sh dig
#
# Needs unshare, ip, nft, python3, and nc or dig; no root. Everything happens in network namespaces of its own: src is joined
# to dst through mid, whose forward hook drops or rejects, as an engine of policies does. 10.0.2.2 is the peer, 10.0.2.53 the
# resolver, 10.0.2.3 and 10.0.2.4 are nobody's addresses unless a situation says so.
# The netcat with musl was built from Debian's source of 1.219-1 by `musl-gcc -static`, with four functions of libbsd
# (strtonum, arc4random_uniform, readpassphrase, b64_ntop) written beside it, none of which a probe calls.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
tool=$1 nc=${2:-$(command -v nc)}
if [ "${INSIDE:-}" != yes ]; then
    INSIDE=yes exec unshare --user --map-root-user --net --mount "$0" "$tool" "$nc"
fi

mount -t tmpfs none /run
mkdir /run/bin /run/netns
ln -s "$(readlink -f "$nc")" /run/bin/nc
PATH=/run/bin:$PATH
echo 'nameserver 10.0.2.53
options timeout:1 attempts:1' > /run/resolv.conf
echo 'hosts: files dns' > /run/nsswitch.conf
echo '127.0.0.1 localhost' > /run/hosts
for f in resolv.conf nsswitch.conf hosts; do
    real=$(readlink -f /etc/$f)
    [ -e "$real" ] || { mkdir -p "${real%/*}"; : > "$real"; }
    mount --bind /run/$f "$real"
done

for ns in src mid dst; do
    ip netns add $ns
    ip -n $ns link set lo up
done
ip netns exec mid sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv4.icmp_ratemask=0
join() { # side, number
    ip -n mid link add "$1" type veth peer name eth0 netns "$1"
    ip -n mid addr add "10.0.$2.1/24" dev "$1"
    ip -n mid -6 addr add "fd00:$2::1/64" dev "$1" nodad
    ip -n "$1" addr add "10.0.$2.2/24" dev eth0
    ip -n "$1" -6 addr add "fd00:$2::2/64" dev eth0 nodad
    ip -n mid link set "$1" up
    ip -n "$1" link set eth0 up
    ip -n "$1" route add default via "10.0.$2.1"
    ip -n "$1" -6 route add default via "fd00:$2::1"
}
join src 1
join dst 2
ip -n dst addr add 10.0.2.53/24 dev eth0
ip netns exec dst python3 "$here/peers.py" > /run/peers &
peers=$!
trap 'kill $peers' EXIT
until grep -q ready /run/peers; do sleep 0.1; done
until ip netns exec src nc -z -6 -w 1 fd00:2::2 80; do sleep 0.1; done # neighbours are found out first

ask() { # situation, what it is, kind family timeout host port
    {
        echo "# $2"
        echo "> T 0 $3 $4 $5 $6 $7 n0nce"
        printf 'T 0 %s n0nce\nT end\n' "$3 $4 $5 $6 $7" | ip netns exec src sh "$here/../../../prober/probe.sh" |
            sed -n 's/^T 0 /< T 0 /p'
    } > "$here/$tool-$1.txt"
}
quiet() { ip netns exec "${1:-mid}" nft flush ruleset; }
forward() { # what to do with every packet toward dst
    quiet
    ip netns exec mid nft "add table inet t; add chain inet t c { type filter hook forward priority 0; }
        add rule inet t c iifname src $1"
}

if [ "$tool" != dig ]; then
    peer=10.0.2.2
    ask open "an open port: the peer says its name" tcp 4 1 $peer 80
    ask open-6 "the same by IPv6" tcp 6 1 fd00:2::2 80
    ask handshake "an open port, only the handshake" handshake 4 1 $peer 80
    ask silent "accepts and says nothing" tcp 4 1 $peer 81
    ask closes "accepts and closes at once" tcp 4 1 $peer 82
    ask resets "accepts and resets at once" tcp 4 1 $peer 86
    ask liar "greets with nc's own words for a timeout" tcp 4 1 $peer 83
    ask liar-handshake "the same, only the handshake" handshake 4 1 $peer 83
    ask endless "never stops talking" tcp 4 1 $peer 84
    ask wrong-peer "says another name" tcp 4 1 $peer 85
    ask closed "nobody listens" tcp 4 1 $peer 99
    ask closed-6 "the same by IPv6" tcp 6 1 fd00:2::2 99
    ask udp-open "answers with nonce and name" udp 4 1 $peer 90
    ask udp-open-6 "the same by IPv6" udp 6 1 fd00:2::2 90
    ask udp-silent "takes the datagram and says nothing" udp 4 1 $peer 91
    ask udp-other-nonce "answers with another nonce" udp 4 1 $peer 92
    ask udp-liar "answers with nc's words for a timeout" udp 4 1 $peer 93
    ask udp-empty "answers with an empty datagram" udp 4 1 $peer 94
    ask udp-newline "answers with a line end alone" udp 4 1 $peer 95
    ask udp-wrong-peer "answers with another name" udp 4 1 $peer 96
    ask udp-closed "nobody listens" udp 4 1 $peer 99
    ask udp-closed-6 "the same by IPv6" udp 6 1 fd00:2::2 99
    ask name "by name, one address" tcp 4 1 one.test 80
    ask name-two "by name, the first address is nobody's, the second answers" tcp 4 1 two.test 80
    ask name-gone "by name, no address is anybody's" tcp 4 1 gone.test 80
    ask name-nxdomain "no such name" tcp 4 1 nobody.test 80
    ask name-nxdomain-udp "no such name" udp 4 1 nobody.test 90
    ask name-servfail "the resolver fails" tcp 4 1 servfail.test 80
    ask name-refused "the resolver refuses to answer" tcp 4 1 refused.test 80
    ask name-empty "a name without an address" tcp 4 1 empty.test 80
    ask name-other-family "a name without an address of the family" tcp 6 1 one.test 80
    ask name-resolver-silent "the resolver takes the query and says nothing" tcp 4 1 silent.test 80
    ask literal-other-family "an address of the other family" tcp 6 1 $peer 80
    for how in drop "reject with tcp reset" "reject with icmpx "{port-unreachable,admin-prohibited,host-unreachable,no-route}; do
        word=${how##* }
        if [ "$word" = reset ]; then forward "meta l4proto tcp $how"; else forward "$how"; fi
        ask "$word" "nft in the forward hook: $how" tcp 4 1 $peer 80
        # an ICMPv6 error while connect() still holds the socket is not taken; the next one comes after 1 s
        ask "$word-6" "nft in the forward hook: $how" tcp 6 3 fd00:2::2 80
        [ "$word" = reset ] && continue
        ask "udp-$word" "nft in the forward hook: $how" udp 4 1 $peer 90
        ask "udp-$word-6" "nft in the forward hook: $how" udp 6 1 fd00:2::2 90
        ask "name-$word" "the resolver behind nft in the forward hook: $how" tcp 4 1 one.test 80
    done
    for kind in net-prohibited host-prohibited net-unreachable prot-unreachable; do
        forward "ip protocol tcp reject with icmp type $kind"
        ask "icmp-$kind" "nft in the forward hook: reject with icmp type $kind" tcp 4 1 $peer 80
    done
    for kind in policy-fail reject-route; do
        forward "ip6 nexthdr tcp reject with icmpv6 type $kind"
        ask "icmpv6-$kind" "nft in the forward hook: reject with icmpv6 type $kind" tcp 6 3 fd00:2::2 80
    done
    forward "ip daddr 10.0.2.3 drop"
    ip -n dst addr add 10.0.2.3/24 dev eth0
    ask name-drop-then-open "by name, the first address dropped, the second answers" tcp 4 1 two.test 80
    forward "ip daddr 10.0.2.3 reject with icmpx port-unreachable"
    ask name-refuse-then-gone "by name, the first address refused, the second is nobody's" tcp 4 1 gone.test 80
    ip -n dst addr del 10.0.2.3/24 dev eth0
    quiet
    ask nobody "an address that nobody has: ARP fails after 3 s" tcp 4 5 10.0.2.3 80
    ip netns exec src sysctl -qw net.ipv4.tcp_syn_retries=1
    forward drop
    ask gives-up "the kernel gives up before nc does" tcp 4 9 $peer 80
    quiet
    ip netns exec src nft "add table inet t; add chain inet t c { type filter hook output priority 0; }
        add rule inet t c oifname eth0 drop"
    ask output-drop "nft in the source's own output hook: drop" tcp 4 1 $peer 80
    ask udp-output-drop "nft in the source's own output hook: drop" udp 4 1 $peer 90
    quiet src
    for kind in unreachable prohibit blackhole; do
        ip -n mid route add $kind 10.0.3.0/24
        ask "route-$kind" "a route of type $kind on the way" tcp 4 1 10.0.3.1 80
        ip -n mid route del $kind 10.0.3.0/24
        ip -n src route add $kind 10.0.3.0/24
        ask "own-route-$kind" "a route of type $kind in the source" tcp 4 1 10.0.3.1 80
        ask "udp-own-route-$kind" "a route of type $kind in the source" udp 4 1 10.0.3.1 90
        ip -n src route del $kind 10.0.3.0/24
    done
    ip -n src route del default
    ask no-route "the source has no route" tcp 4 1 $peer 80
    ask udp-no-route "the source has no route" udp 4 1 $peer 90
    ip -n src -6 addr flush dev eth0
    ask no-address-6 "the source has lost its address" tcp 6 1 fd00:2::2 80
    ip -n src link set eth0 down
    ask down "the source's link is down" tcp 4 1 $peer 80
else
    for kind in dns dns-tcp; do
        ask "$kind-answer" "an answer" $kind 4 1 one.test 53
        ask "$kind-nxdomain" "no such name" $kind 4 1 nobody.test 53
        ask "$kind-servfail" "the resolver fails" $kind 4 1 servfail.test 53
        ask "$kind-refused" "the resolver refuses to answer" $kind 4 1 refused.test 53
        ask "$kind-truncated" "an answer that is cut by UDP" $kind 4 1 truncated.test 53
        ask "$kind-silent" "the resolver takes the query and says nothing" $kind 4 1 silent.test 53
        ask "$kind-wrong-id" "the answer to another query" $kind 4 1 wrongid.test 53
        ask "$kind-like-a-type" "a name that is a type's too" $kind 4 1 any 53
        for how in drop "reject with icmpx "{port-unreachable,admin-prohibited,host-unreachable,no-route}; do
            forward "$how"
            ask "$kind-${how##* }" "nft in the forward hook: $how" $kind 4 1 one.test 53
        done
        quiet
    done
    ask dns-tcp-closes "accepts and closes without an answer" dns-tcp 4 1 eof.test 53
    ask dns-tcp-resets "accepts and resets without an answer" dns-tcp 4 1 reset.test 53
    forward "meta l4proto tcp reject with tcp reset"
    ask dns-tcp-reset "nft in the forward hook: reject with tcp reset" dns-tcp 4 1 one.test 53
    quiet
    echo 'nameserver 10.0.2.2' > /run/resolv.conf
    ask dns-closed "the resolver's port is closed" dns 4 1 one.test 53
    ask dns-tcp-closed "the resolver's port is closed" dns-tcp 4 1 one.test 53
    echo 'nameserver 10.0.2.53
nameserver 10.0.2.2' > /run/resolv.conf
    forward "ip daddr 10.0.2.53 drop"
    ask dns-two-resolvers "two resolvers, one dropped, one closed" dns 4 1 one.test 53
    ask dns-tcp-two-resolvers "two resolvers, one dropped, one closed" dns-tcp 4 1 one.test 53
    quiet
    : > /run/resolv.conf
    ask dns-no-resolver "resolv.conf names no resolver" dns 4 1 one.test 53
    ip -n src route del default
    echo 'nameserver 10.0.2.53' > /run/resolv.conf
    ask dns-no-route "the source has no route" dns 4 1 one.test 53
    ask dns-tcp-no-route "the source has no route" dns-tcp 4 1 one.test 53
fi
