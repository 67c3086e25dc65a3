#!/bin/sh
# The probe: runs in the source pod, where it was put with the pod. Reads one request on stdin, answers in lines on stdout.
# What goes in and what comes out is written down in probe.py. POSIX sh: dash, busybox and bash run it. Nothing but nc and
# dig is executed. A line is written at once and has at most 4,096 bytes (PIPE_BUF), so that lines of probes that end
# together do not mix; a text too long for that is cut and says so in a last line of its own, which no outcome knows.

LC_ALL=C # bytes are counted, and nc's words are the known ones
export LC_ALL
nl='
'
cr=$(printf '\r')

encode() { # $1: any text; sets $encoded: the same in one line
    rest=$1 encoded=
    while :; do
        case $rest in
            *["\\$nl$cr"]*) ;;
            *) break ;;
        esac
        head=${rest%%["\\$nl$cr"]*}
        rest=${rest#"$head"}
        case $rest in
            "$nl"*) encoded="$encoded$head\\n" ;;
            "$cr"*) encoded="$encoded$head\\r" ;;
            *) encoded="$encoded$head\\\\" ;;
        esac
        rest=${rest#?}
    done
    encoded=$encoded$rest
}

short() { # $1: any text; sets $cut: its first 3,900 bytes
    cut=$1
    if [ "${#cut}" -gt 3900 ]; then # else no process is made for it
        cut=$(printf '%.3900s.' "$1") # the dot keeps line ends
        cut=${cut%.}
    fi
}

probe() { # token cell kind family timeout host port nonce
    read -r begin _ < /proc/uptime
    case $3 in
        tcp) text=$(nc -v "-$4" -w "$5" -W 1 "$6" "$7" 2>&1 < /dev/null) ;;
        handshake) text=$(nc -v -z "-$4" -w "$5" "$6" "$7" 2>&1 < /dev/null) ;;
        udp)
            # the dot again: an answer of nothing but line ends is an answer
            text=$(
                nc -u "-$4" -w "$5" -W 1 "$6" "$7" 2>&1 << EOF
$8
EOF
                code=$?
                printf .
                exit "$code"
            )
            ;;
        dns) text=$(dig -r +tries=1 "+time=$5" +ignore +noall +comments -q "$6" -t A 2>&1 < /dev/null) ;;
        dns-tcp) text=$(dig -r +tcp +tries=1 "+time=$5" +noall +comments -q "$6" -t A 2>&1 < /dev/null) ;;
        *) text="probe.sh: no such kind" ;;
    esac
    code=$?
    read -r end _ < /proc/uptime
    [ "$3" != udp ] || text=${text%.}
    short "$text"
    encode "$cut"
    [ "$cut" = "$text" ] || encoded="$encoded\\n[cut]"
    short "$encoded"
    [ "$cut" = "$encoded" ] || cut="$cut\\n[cut]"
    printf %s "$1 $2 $code $begin $end $cut$nl"
}

count=0
while read -r token cell kind family timeout host port nonce; do
    case $cell in
        clock)
            read -r now _ < /proc/uptime
            printf %s "$token clock $now$nl"
            ;;
        wait) wait ;; # a bound on how much runs at once
        end)
            wait
            printf %s "$token end $count$nl"
            exit 0
            ;;
        *)
            count=$((count + 1))
            probe "$token" "$cell" "$kind" "$family" "$timeout" "$host" "$port" "$nonce" &
            ;;
    esac
done
