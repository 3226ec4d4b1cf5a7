#!/usr/bin/env python3
"""Run page 19 as someone with a W&B key does: everything it tracks must reach the server, which is a stand-in on this machine.

    python tools/online.py
"""
import os, subprocess, sys, tempfile
from pathlib import Path
import pages
from loopback_wandb import Server

PAGE = pages.NBS/'19_tracking.ipynb'

def main():
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home, Server() as server:
        runs, report = Path(home)/'runs', Path(home)/'report.json'
        runs.mkdir()
        mine = {k: v for k, v in os.environ.items() if not k.startswith('WANDB_')}
        env = mine | server.environment() | dict(HOME=home, USERPROFILE=home, WANDB_DIR=str(runs), WANDB_SILENT='true', TORCHNN_REALLY_HOME=home, TORCHNN_REALLY_DATA='sample', OMP_NUM_THREADS='1', TQDM_DISABLE='1')
        done = subprocess.run([sys.executable, str(pages.ROOT/'tools/run_pages.py'), '--child', str(PAGE), '--report', str(report), '--flags', ''], env=env, stdin=subprocess.DEVNULL)
        if done.returncode: sys.exit(f'{PAGE.name} failed with a key:\n' + report.read_text(encoding='utf-8'))
        steps = 20*79 # of each of the three trainings, on the sample
        found = dict(losses=sum('train_loss' in row for row in server.rows), newton=sum('error' in row for row in server.rows), validation=sum('valid_loss' in row for row in server.rows),
                     histograms=sum('parameters/lin.weight' in row for row in server.rows), graphs=sum('graph' in name for name in server.files), runs=server.finished)
        wanted = dict(losses=3*steps, newton=6, validation=3, histograms=found['histograms'] if 18 <= found['histograms'] <= 22 else '18 to 22', graphs=2, runs=5)
        if found != wanted: sys.exit(f'{PAGE.name} sent {found}; it must be {wanted}')
        print(f'{PAGE.name} with a key: {len(server.rows):,} rows of {server.finished} runs arrived')

if __name__ == '__main__': main()
