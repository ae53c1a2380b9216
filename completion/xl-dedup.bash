# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Completion in bash of xl-dedup, and of migrate --dedup in xl.
#
# Commands and options are those that the programs' own help lists.  All of xl
# but migrate is left to who completes xl without us.  Names of domains come
# from guests: they are compared and quoted, never expanded.

# The options of the help on standard input, with "=" if they have a value.
_xl_dedup_options()
{
    sed -n 's/^ *\(-[A-Za-z], *\)\{0,1\}\(--[a-z][a-z-]*[a-z]=\{0,1\}\).*/\2/p' |
        sort -u
}

# _xl_dedup_offer CUR: the lines of standard input that begin with CUR.
_xl_dedup_offer()
{
    local line

    while IFS= read -r line; do
        [[ $line == "$1"* ]] && COMPREPLY+=("$(printf '%q' "$line")")
    done
    [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == *= ]] &&
        compopt -o nospace 2>/dev/null
    return 0
}

_xl_dedup_hosts()
{
    # Of bash-completion, whose names for it have changed.
    if declare -F _comp_compgen_known_hosts >/dev/null; then
        _comp_compgen_known_hosts -- "$1"
    elif declare -F _known_hosts_real >/dev/null; then
        _known_hosts_real -- "$1"
    fi
}

# _xl_dedup_migrate FIRST DEDUP: the argument of migrate at the cursor; FIRST is
# the number of its first one, DEDUP is not empty if --dedup is understood.
# False: xl migrate without us.
_xl_dedup_migrate()
{
    local cur=${COMP_WORDS[COMP_CWORD]} before=$((COMP_CWORD - 1))
    local i operands=0 dedup=$2

    # "=" is a word of its own, as readline sees it.
    if [[ $cur == '=' ]]; then
        cur=
    elif [[ ${COMP_WORDS[before]} == '=' ]]; then
        ((before--))
    fi
    for ((i = $1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        --dedup*) dedup=1 ;;
        -C | -s) ((i++)) ;;
        -*) ;;
        =) ((i++)) ;;
        *) ((operands++)) ;;
        esac
    done
    if [[ ${COMP_WORDS[COMP_CWORD]} == '=' ||
        ${COMP_WORDS[COMP_CWORD - 1]} == '=' ]]; then
        [[ ${COMP_WORDS[before]} != --dedup ]] ||
            _xl_dedup_offer "$cur" <<<$'disk\nmemory'
    elif [[ $cur == -* ]]; then
        _xl_dedup_offer "$cur" < <(xl-dedup migrate --dedup --help \
            2>/dev/null | _xl_dedup_options)
    elif [[ ! $dedup ]]; then
        return 1
    elif [[ ${COMP_WORDS[before]} == -[Cs] ]]; then
        :   # a file, or a command
    elif ((operands == 0)); then
        _xl_dedup_offer "$cur" < <(xl list 2>/dev/null |
            sed -e 1d -e '/^Domain-0 /d' -e 's/ .*//')
    elif ((operands == 1)); then
        _xl_dedup_hosts "$cur"
    fi
    return 0
}

_xl_dedup()
{
    local cur=${COMP_WORDS[COMP_CWORD]} command=${COMP_WORDS[1]}

    COMPREPLY=()
    if ((COMP_CWORD == 1)); then
        _xl_dedup_offer "$cur" < <(xl-dedup --help 2>/dev/null |
            sed -n 's/^  \([a-z][a-z-]*\) .*/\1/p'
            printf '%s\n' --help --version)
    elif [[ $command == migrate ]]; then
        _xl_dedup_migrate 2 1
    elif [[ $cur == -* ]]; then
        _xl_dedup_offer "$cur" < <(xl-dedup "$command" --help 2>/dev/null |
            _xl_dedup_options)
    elif [[ $command == serve ]]; then
        _xl_dedup_offer "$cur" <<<$'push\nmigrate'
    fi
}

_xl_dedup_xl()
{
    local i=1

    COMPREPLY=()
    while ((i < COMP_CWORD)) && [[ ${COMP_WORDS[i]} == -* ]]; do
        ((i++))
    done
    if ((i < COMP_CWORD)) && [[ ${COMP_WORDS[i]} == migrate ]] &&
        _xl_dedup_migrate $((i + 1)) ''; then
        return 0
    fi
    [[ $_xl_dedup_other == *' -o nospace '* ]] && compopt -o nospace 2>/dev/null
    [[ ! $_xl_dedup_function ]] || "$_xl_dedup_function" "$@"
}

# Who completes xl without us is found as bash-completion finds it.
_xl_dedup_wrap()
{
    local pattern=' -F ([^ ]+) '

    complete -r xl xen 2>/dev/null
    if declare -F _comp_load >/dev/null; then
        _comp_load xl
    elif declare -F __load_completion >/dev/null; then
        __load_completion xl
    fi >/dev/null 2>&1
    _xl_dedup_other=$(complete -p xl 2>/dev/null)
    _xl_dedup_function=
    [[ $_xl_dedup_other =~ $pattern ]] &&
        _xl_dedup_function=${BASH_REMATCH[1]}
    complete -o default -F _xl_dedup_xl xl xen
}

_xl_dedup_wrap
complete -o default -F _xl_dedup xl-dedup
