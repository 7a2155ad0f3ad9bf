"""``python -m samix_mm.compat``: what importing the package changes."""
import sys
import textwrap

from . import VARIABLE, list_workarounds

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
    sys.stdout.write(
        f'Switch off with {VARIABLE}=name,name or {VARIABLE}=all;\n'
        'safe_loading has to be named.\n')


if __name__ == '__main__':
    main()
