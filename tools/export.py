#!/usr/bin/env python3
"""Clean the pages and write the modules from them, as `nbdev_clean` and `nbdev_export` do, with an index of all names.
Before that, put the cell that installs the package on Colab and Kaggle at the top of every page with code.

    python tools/export.py
"""
import pages

def complete_index():
    "Let nbdev's index of names hold those of page 10 too: nbdev 2.4.14 passes over every page that has `auto` in its name"
    from nbdev import doclinks
    found = doclinks._iter_py_cells
    def all_cells(path):
        for cell in found(path): # those that nbdev wrote itself, marked `auto`, are not among them
            cell.nb = ''
            yield cell
    doclinks._iter_py_cells = all_cells

def put_install_cells():
    for page in pages.all_pages():
        nb = pages.read(page)
        if (new := pages.with_install(nb)) != nb: pages.write(page, new)

def main():
    from nbdev.clean import nbdev_clean
    from nbdev.doclinks import nbdev_export
    complete_index()
    put_install_cells()
    nbdev_clean(pages.NBS)
    nbdev_export()

if __name__ == '__main__': main()
