# SPDX-License-Identifier: GPL-2.0-or-later
# protocol.md as POD, for xl-dedup-protocol(7).  It knows as much of Markdown as
# that page uses: headings, paragraphs, lists, tables, and what stands between
# ``` or indented.  Text that it does not know stays as it is.

# Text of a paragraph: `code` is bold, *words* are in italics.
function inline(text, out, at, mark)
{
    while (match(text, /`[^`]+`|\*[^* ][^*]*\*/)) {
        mark = substr(text, RSTART, 1)
        at = substr(text, RSTART + 1, RLENGTH - 2)
        out = out escape(substr(text, 1, RSTART - 1)) \
            (mark == "`" ? "B<" : "I<") escape(at) ">"
        text = substr(text, RSTART + RLENGTH)
    }
    return out escape(text)
}

function escape(text)
{
    gsub(/</, "E<lt\001", text)
    gsub(/>/, "E<gt>", text)
    gsub(/\001/, ">", text)
    return text
}

# What has been gathered of a paragraph, an item or a table is over.
function flush()
{
    if (rows)
        print_table()
    else if (text != "")
        print (item ? "=item *\n\n" : "") inline(text) "\n"
    text = ""
    item = rows = 0
}

function end_list()
{
    flush()
    if (list)
        print "=back\n"
    list = 0
}

function add_row(line, cell, i)
{
    gsub(/^\| *| *\|$/, "", line)
    columns = split(line, cell, / *\| */)
    if (cell[1] ~ /^-+$/)
        return
    rows++
    for (i = 1; i <= columns; i++) {
        gsub(/`/, "", cell[i])
        table[rows, i] = cell[i]
        if (rows == 1 || length(cell[i]) > width[i])
            width[i] = length(cell[i])
    }
}

# Columns side by side, the last one in as many lines as it needs.
function print_table(r, i, left, n, word, line)
{
    for (r = 1; r <= rows; r++) {
        left = ""
        for (i = 1; i < columns; i++)
            left = left sprintf("%-" width[i] + 2 "s", table[r, i])
        n = split(table[r, columns], word, " ")
        line = left
        for (i = 1; i <= n; i++) {
            if (length(line word[i]) > 72 && line !~ /^ *$/ && i > 1) {
                sub(/ +$/, "", line)
                print "  " line
                line = sprintf("%" length(left) "s", "")
            }
            line = line word[i] " "
        }
        sub(/ +$/, "", line)
        print "  " line
    }
    print ""
}

NR == 1 {
    sub(/^# */, "")
    print "=encoding utf8\n\n=head1 NAME\n"
    print "xl-dedup-protocol - " tolower(substr($0, 1, 1)) substr($0, 2) "\n"
    print "=head1 DESCRIPTION\n"
    next
}
/^```/ {
    end_list()
    verbatim = !verbatim
    if (!verbatim)
        print ""
    next
}
verbatim { print "  " $0; next }
/^#/ {
    end_list()
    level = /^###/ ? 2 : 1
    sub(/^#+ */, "")
    print "=head" level " " (level == 1 ? toupper(inline($0)) : inline($0)) "\n"
    next
}
/^\|/ { if (!rows) end_list(); add_row($0); next }
/^- / {
    flush()
    if (!list)
        print "=over\n"
    list = item = 1
    text = substr($0, 3)
    next
}
/^$/ { flush(); next }
list && !/^ / && text == "" { end_list() }
{ sub(/^ +/, ""); text = text (text == "" ? "" : " ") $0 }
END {
    end_list()
    print "=head1 SEE ALSO\n"
    print "L<xl-dedup(8)>, L<xl-migrate-dedup(8)>"
}
