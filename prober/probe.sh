#!/bin/sh
# The probe: runs in the source pod, where it was put with the pod. Reads one request on stdin, answers in lines on stdout.
# What goes in and what comes out is written down in probe.py. POSIX sh: dash and busybox run it. Nothing but nc and dig is
# executed; a line is at most 4,096 bytes (PIPE_BUF), so that lines of probes that end together do not mix.

nl='
'
encode() { # $1: any text; sets $encoded: the same in one line
    rest=$1 encoded=
    while :; do
        case $rest in
            *["\\$nl"]*) ;;
            *) break ;;
        esac
        head=${rest%%["\\$nl"]*}
        rest=${rest#"$head"}
        case $rest in
            "$nl"*) encoded="$encoded$head\\n" rest=${rest#"$nl"} ;;
            *) encoded="$encoded$head\\\\" rest=${rest#?} ;;
        esac
    done
    encoded=$encoded$rest
}

probe() { # token cell kind family timeout host port nonce
    read -r begin _ < /proc/uptime
    case $3 in
        tcp) text=$(nc -v "-$4" -w "$5" "$6" "$7" 2>&1 < /dev/null) ;;
        handshake) text=$(nc -v -z "-$4" -w "$5" "$6" "$7" 2>&1 < /dev/null) ;;
        udp)
            text=$(nc -u "-$4" -w "$5" -W 1 "$6" "$7" 2>&1 << EOF
$8
EOF
            )
            ;;
        dns) text=$(dig +tries=1 "+time=$5" +ignore +noall +comments "$6" A 2>&1 < /dev/null) ;;
        dns-tcp) text=$(dig +tcp +tries=1 "+time=$5" +noall +comments "$6" A 2>&1 < /dev/null) ;;
        *) text="probe.sh: no such kind" ;;
    esac
    code=$?
    read -r end _ < /proc/uptime
    encode "$text"
    printf '%s %s %s %s %s %.3000s\n' "$1" "$2" "$code" "$begin" "$end" "$encoded"
}

count=0
while read -r token cell kind family timeout host port nonce; do
    case $cell in
        clock)
            read -r now _ < /proc/uptime
            printf '%s clock %s\n' "$token" "$now"
            ;;
        wait) wait ;; # a bound on how much runs at once
        end)
            wait
            printf '%s end %s\n' "$token" "$count"
            exit 0
            ;;
        *)
            count=$((count + 1))
            probe "$token" "$cell" "$kind" "$family" "$timeout" "$host" "$port" "$nonce" &
            ;;
    esac
done
