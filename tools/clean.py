#!/usr/bin/env python3
"""Remove .venv, .venv-bench and everything built.

    python tools/clean.py
"""
import argparse, shutil, sys
import pages

BUILT = ['.venv', '.venv-bench', 'build', 'dist', '*.egg-info', '_proc', '_docs', '_vendor']

def main():
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    folders = [folder for pattern in BUILT for folder in pages.ROOT.glob(pattern)]
    if any(folder.resolve() in (pages.Path(sys.prefix).resolve(), *pages.Path(sys.executable).resolve().parents) for folder in folders): sys.exit(f'{sys.executable} is in one of the folders to remove: use another Python')
    for folder in folders: shutil.rmtree(folder)
    print('removed', *sorted(folder.name for folder in folders) or ['nothing'])

if __name__ == '__main__': main()
