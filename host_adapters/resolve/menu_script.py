"""What Resolve runs for an entry of its menu; the installer fills in which, and where Dubwright is.

A menu script does not know its own place.
"""

PLACES = ["@DUBWRIGHT_PLUGIN@", "@DUBWRIGHT_RESOLVE@"]


def main():
    import sys

    sys.path[:0] = [place for place in PLACES if place not in sys.path]
    try:
        from dubwright_resolve import actions
        from dubwright_resolve.live import find_resolve
    except ImportError as error:
        print(
            "Dubwright is not where it was installed ({}). Run its installer again.".format(error)
        )
        return
    actions.run(actions.MENU["@ENTRY@"], find_resolve(globals()))


main()
