#!/usr/bin/env python3
"""Serve the training panel as a page of its own, with Voilà: no notebook, no code to see.

    python tools/controls.py [--port 8866] [--no-browser]
"""
import argparse, json, os, subprocess, sys, tempfile
from contextlib import contextmanager
from pathlib import Path

CELLS = ['from torchnn_really.panel import TrainingControls', 'TrainingControls()']

def notebook(cells):
    "A notebook of these cells, as text"
    made = [dict(cell_type='code', id=f'cell-{i}', execution_count=None, metadata={}, outputs=[], source=source) for i, source in enumerate(cells)]
    return json.dumps(dict(cells=made, metadata=dict(kernelspec=dict(name='python3', display_name='Python 3', language='python')), nbformat=4, nbformat_minor=5))

@contextmanager
def voila(port, browser=True, **env):
    "Voilà's process, serving the panel; where no browser is opened it says nothing"
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        page = Path(folder)/'panel.ipynb'
        page.write_text(notebook(CELLS), encoding='utf-8')
        command = [sys.executable, '-m', 'voila', str(page), f'--port={port}', '--show_tracebacks=True', *([] if browser else ['--no-browser'])]
        said = None if browser else subprocess.DEVNULL
        process = subprocess.Popen(command, cwd=folder, env={**os.environ, **env}, stdout=said, stderr=said)
        try: yield process
        finally:
            process.terminate()
            process.wait(20)

def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--port', type=int, default=8866, help='where to serve it, on this machine')
    p.add_argument('--no-browser', action='store_true', help='open no browser')
    args = p.parse_args()
    print(f'the panel is served at http://127.0.0.1:{args.port}', flush=True)
    with voila(args.port, not args.no_browser) as process:
        try: sys.exit(process.wait())
        except KeyboardInterrupt: pass

if __name__ == '__main__': main()
