#!/usr/bin/env python3
"""Run the pages that compare as on older processors, too: run_pages.py runs a page on one only.

torch, oneDNN and MKL are held back. One thread and two take turns; `make test` is "here 1"."""
import os, re, subprocess, sys
import pages

COMPARES = re.compile(r'\b(prove_same|how_same|show_ladder|lean_step)\(')
NAMES = 'ATEN_CPU_CAPABILITY', 'ONEDNN_MAX_CPU_ISA', 'MKL_CBWR'
KINDS = dict(default=('default', 'SSE41', 'COMPATIBLE'), avx2=('avx2', 'AVX2', 'AVX2'), avx512=())
FREE = {k: v for k, v in os.environ.items() if k not in NAMES}
PROBE = [sys.executable, '-c', """import torch; b = torch.backends
print(b.cpu.get_cpu_capability().lower(), b.mkldnn.is_available(), b.mkl.is_available())"""]

def code_of(page): return '\n'.join(map(pages.source, pages.code_cells(pages.read(page))))

def main():
    here, onednn, mkl = subprocess.check_output(PROBE, env=FREE, text=True).split()
    older = list(KINDS)[:list(KINDS).index(here)] if here in KINDS else ['default']
    settings, every = [*zip(older, (2, 1)), ('here', 2)], pages.all_pages() + pages.companions()
    chosen, failed = [pages.path_of(page) for page in every if COMPARES.search(code_of(page))], 0
    for kind, n in settings: # the time-out, because older kernels are slow
        print(f'\n== {kind}, threads: {n}', flush=True)
        command = [sys.executable, 'tools/run_pages.py', '--timeout=900', f'--threads={n}', *chosen]
        env = FREE | dict(zip(NAMES, KINDS.get(kind, ())))
        failed += subprocess.run(command, cwd=pages.ROOT, env=env).returncode > 0
    print(f'{failed} of {len(settings)} failed; here: {here}, oneDNN {onednn}, MKL {mkl}')
    sys.exit(failed > 0)

if __name__ == '__main__': main()
