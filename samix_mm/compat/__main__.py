"""``python -m samix_mm.compat``: what importing the package changes."""
import sys
import textwrap

from . import VARIABLE, WORKAROUNDS, list_workarounds

WIDTH = 79


def main() -> None:
    """Write the table of work-arounds."""
    for row in list_workarounds():
        lines = [f'{row.name}: {row.state}']
        for title in ('replaces', 'why', 'versions'):
            lines += textwrap.wrap(
                getattr(row, title),
                WIDTH,
                initial_indent=f'  {title:<10}',
                subsequent_indent=' ' * 12,
                break_long_words=False,
                break_on_hyphens=False)
        sys.stdout.write('\n'.join(lines) + '\n\n')
    named = ', '.join(row.name for row in WORKAROUNDS if not row.in_all)
    sys.stdout.write(
        f'{VARIABLE}=name,name in the environment switches off what is named '
        'there,\n'
        f'{VARIABLE}=all everything but what keeps files from doing harm:\n'
        f'{named} have to be named.\n')


if __name__ == '__main__':
    main()
