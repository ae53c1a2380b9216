# Makes /usr/sbin/xl what it would be without this package; doing it again, after
# it was interrupted, does no harm.
give_back()
{
    xl=/usr/sbin/xl
    stock=/usr/libexec/xl
    front=../libexec/xl-dedup/xl
    owner=$(dpkg-divert --listpackage "$xl")
    ours=$(readlink "$xl" || :)

    case $owner in
    '' | xl-dedup) ;;
    *) return 0 ;;      # then it never was ours
    esac
    if [ "$owner" = xl-dedup ] || [ "$ours" = "$front" ]; then
        if [ -e "$stock" ] || [ -L "$stock" ]; then
            cp -a --remove-destination "$stock" "$xl.xl-dedup-new"
            mv -fT "$xl.xl-dedup-new" "$xl"
        elif [ "$ours" = "$front" ]; then
            rm -f "$xl"
        fi
    fi
    if [ "$owner" = xl-dedup ]; then
        dpkg-divert --quiet --package xl-dedup --no-rename \
            --divert "$stock" --remove "$xl"
    fi
    rm -f "$stock" "$stock.xl-dedup-new" "$xl.xl-dedup-new"
}
