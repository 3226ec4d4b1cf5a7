#!/usr/bin/env python3
"""Run what a lesson's readers see: its shown code cells, and no others, in order, in a new process in an empty folder. nbdev_test
can't: it runs hidden and exported cells, too, and so never misses an import or a name that only those hold.

    python tools/as_shown.py train speed/02_lean [--except speed/03_frameworks] [--package NAME] [--env NAME=VALUE ...]
    python tools/as_shown.py nbs/train/03_training.ipynb

A name means pages below `nbs`; what is shown of them stands in `_proc`, where nbdev's processing put it. A path to a page itself
(it ends in .ipynb) is read as it stands, by nbdev's rules. It needs IPython and nothing else, so any nbdev project can use it.
"""
import argparse, ast, atexit, contextlib, json, multiprocessing, os, re, signal, sys, tempfile, time
from importlib import metadata
from pathlib import Path

DIRECTIVE = re.compile(r'\s*#\s*\|\s*([\w-]+)\s*:?[ \t]*(.*)')
UNSEEN = {'hide', 'export', 'exporti', 'default_exp'}   # nbdev drops these cells from the site
MARKS = {'slow', 'cuda', 'online'}                      # shown, but not for every machine
ENV = dict(WANDB_MODE='offline', WANDB_SILENT='true', TQDM_DISABLE='1', MPLBACKEND='Agg', PYTHONUTF8='1', PYTHONHASHSEED='0')
ENV |= dict.fromkeys(['OMP_NUM_THREADS', 'MKL_NUM_THREADS'], '1') | dict(NO_PROXY='localhost,127.0.0.1', OMP_WAIT_POLICY='PASSIVE')
ENV |= dict.fromkeys(['http_proxy', 'https_proxy', 'HTTP_PROXY', 'HTTPS_PROXY'], 'http://127.0.0.1:9')    # nobody listens there

# Which cells

def directives(source):
    "The `#|` lines at the top of a cell as a dict"
    found = {}
    for line in source.splitlines():
        if match := DIRECTIVE.match(line): found[match[1]] = match[2].strip().lower()
        elif line.strip() and not line.startswith('%%'): break
    return found

def is_run(source, marks=()):
    "Whether readers see a cell's code, and can run it"
    d = directives(source)
    if (d.keys() | marks) & (UNSEEN | MARKS) or re.search(r'(?m)^show_doc\(', source): return False
    return bool(source.strip()) and 'false' not in (d.get('echo'), d.get('eval'), d.get('include'))

def as_read(source): return re.sub(r'(?m)^\s*%.*|^.*#\s*\|\s*hide_line\s*$', '', source) # magics are not on the site

def code(page):
    cells = enumerate(json.loads(page.read_text(encoding='utf-8'))['cells'])
    return [(i, c.get('id'), ''.join(c['source'])) for i, c in cells if c['cell_type'] == 'code']

def shown(page, raw):
    "The cells that readers run, as pairs of their number in the page and their source"
    where = {key: (i, directives(source).keys()) for i, key, source in code(raw)} # nbdev takes marks out
    return [(where[key][0] if key in where else i, as_read(source)) for i, key, source in code(page)
            if is_run(source, where[key][1] & MARKS if key in where else ())]

def named(names, nbs):
    "The pages that `names` mean, below `nbs`, and names that mean none"
    found = {n: sorted(p for p in {nbs/f'{n}.ipynb', *(nbs/n).rglob('*.ipynb')} if p.is_file()
                       and not any(part[0] in '._' for part in p.relative_to(nbs).parts)) for n in names}
    return [p for pages in found.values() for p in pages], [f'no page is called {n}' for n, pages in found.items() if not pages]

def lessons(args):
    "What is to be run, `{name: cells}`, and what is wrong before anything runs"
    nbs, cells = Path(args.nbs), {}
    paths = [Path(n) for n in args.page if n.endswith('.ipynb')]
    raws, wrong = named([n for n in args.page if not n.endswith('.ipynb')], nbs)
    left_out, unknown = named(args.exceptions, nbs)
    wrong += unknown + [f'{p}: there is no such page' for p in paths if not p.is_file()]
    for page, raw in [(p, p) for p in paths if p.is_file()] + [(args.proc/r.relative_to(nbs), r) for r in raws if r not in left_out]:
        if page.is_file() and page.stat().st_mtime >= raw.stat().st_mtime: cells[raw.with_suffix('').as_posix()] = shown(page, raw)
        else: wrong.append(f'{page} is missing, or older than {raw}: process the pages first')
    return cells, wrong

def required(package):
    "What is installed with a package, and by its own wish: names of distributions"
    todo, found = [package], set()
    while todo:
        name = re.sub(r'[-_.]+', '-', todo.pop()).lower()
        if name in found: continue
        with contextlib.suppress(metadata.PackageNotFoundError):
            todo += [re.match(r'[\w.-]+', r)[0] for r in metadata.requires(name) or [] if 'extra ==' not in r]
            found.add(name)
    return found

def strangers(cells, package):
    "Imports of what is installed here and would not be where only the package is"
    mine, holders = required(package), metadata.packages_distributions()
    for i, source in cells:
        for name in re.findall(r'(?m)^\s*(?:from|import)\s+(\w+)', source):
            if name in holders and not {re.sub(r'[-_.]+', '-', d).lower() for d in holders[name]} & mine:
                yield f'cell {i} imports {name}, which is not installed with {package}'

# Running them

def child(cells, folder, env, look):
    "In a new process: run cells under IPython, report how far it came, and what `look` sees in the end"
    if hasattr(os, 'setsid'): os.setsid() # so that whatever is started here can be ended with it
    log = os.open(folder/'log', os.O_CREAT | os.O_RDWR | os.O_APPEND)
    for stream in (1, 2): os.dup2(log, stream)
    os.environ |= {k: v.replace('{folder}', str(folder)) for k, v in env.items()} | {'IPYTHONDIR': str(folder/'ipython')}
    here = Path(__file__).resolve().parent
    sys.path[:] = ['', *(p for p in sys.path if p and Path(p).resolve() != here)]
    (folder/'empty').mkdir()
    os.chdir(folder/'empty')
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config
    shell = InteractiveShell.instance(config=Config(InteractiveShell=dict(colors='NoColor'), HistoryManager=dict(enabled=False)))
    for i, source in cells:
        sys.stdout.flush()
        (folder/'report').write_text(json.dumps(dict(cell=i, source=source, at=(folder/'log').stat().st_size)), encoding='utf-8')
        if not shell.run_cell(source, store_history=True).success: os._exit(1)
    sys.stdout.flush()
    found = look(shell, (folder/'log').read_text(encoding='utf-8', errors='replace')) if look else None
    (folder/'report').write_text(json.dumps(dict(finished=True, found=found)), encoding='utf-8')
    atexit._run_exitfuncs()
    os._exit(0)

def end(proc):
    with contextlib.suppress(OSError, AttributeError): os.killpg(proc.pid, signal.SIGKILL)
    proc.kill()
    proc.join()

def judge(proc, folder, timeout):
    "What the cells left, and what went wrong: where, and what was printed there"
    report, log = folder/'report', folder/'log'
    told = json.loads(report.read_text(encoding='utf-8') or '{}') if report.exists() else {}
    if told.get('finished'): return told['found'], ''
    said = log.read_bytes()[told.get('at', 0):].decode(errors='replace').strip() if log.exists() else ''
    why = '' if proc.exitcode == 1 else f'its process ended with {proc.exitcode}' if proc.exitcode is not None else f'stopped after {timeout:g} s'
    return None, '\n'.join(filter(None, [f"cell {told.get('cell', '(none)')}:", told.get('source', '').strip(), said, why]))

def results(tasks, args, method='spawn', look=None):
    "Run `{key: cells}`, each in a process of its own, `args.jobs` at a time: yields key, seconds, what it left, trouble"
    waiting, running = list(tasks.items()), {}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as tmp:
        try:
            while waiting or running:
                while waiting and len(running) < args.jobs:
                    key, cells = waiting.pop(0)
                    folder = Path(tempfile.mkdtemp(dir=tmp))
                    proc = multiprocessing.get_context(method).Process(target=child, args=(cells, folder, args.env, look))
                    sys.stdout.flush()
                    proc.start()
                    running[key] = proc, folder, time.monotonic()
                for key, (proc, folder, began) in list(running.items()):
                    seconds = time.monotonic() - began
                    if proc.is_alive() and seconds < args.timeout: continue
                    found, trouble = judge(proc, folder, args.timeout)
                    end(proc)
                    del running[key]
                    yield key, seconds, found, trouble
                time.sleep(.05)
        finally:
            for proc, *_ in running.values(): end(proc)

def options(doc):
    p = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('page', nargs='+', help='pages and folders below nbs, without .ipynb; or paths of pages as they are written')
    p.add_argument('--except', dest='exceptions', nargs='*', default=[], help='pages and folders below nbs to leave out')
    p.add_argument('--nbs', type=Path, default='nbs', help='folder of the pages')
    p.add_argument('--proc', type=Path, default='_proc', help='folder of the pages as nbdev processed them')
    p.add_argument('--env', nargs='*', default=[], help='environment variables, NAME=VALUE; {folder} is a folder of the page\'s own')
    p.add_argument('--jobs', type=int, default=2, help='how many run at a time')
    p.add_argument('--timeout', type=float, default=300, help='seconds after which one is stopped')
    return p

def parsed(p):
    args = p.parse_args()
    args.env = ENV | dict(e.split('=', 1) for e in args.env)
    os.environ |= {k: v for k, v in args.env.items() if '{folder}' not in v}
    return args

def close(n, what, wrong):
    "The last line, and the exit status"
    for text in wrong: print(f'\n{text}', file=sys.stderr)
    print(f'{n} {what}, {len(wrong)} problems')
    sys.exit(bool(wrong) or not n)

def main():
    p = options(__doc__)
    p.add_argument('--package', help='refuse imports of what is not installed with this package')
    p.add_argument('--limit', type=float, help='seconds that a lesson may take')
    args = parsed(p)
    cells, wrong = lessons(args)
    for page, seconds, _, trouble in results(cells, args):
        slow = f'it took {seconds:.0f} s' if args.limit and seconds > args.limit else ''
        found = [*filter(None, [trouble, slow]), *(strangers(cells[page], args.package) if args.package else [])]
        print(f"{'FAILED' if found else 'ok':6} {seconds:6.1f} s  {page}  ({len(cells[page])} cells)", flush=True)
        wrong += [f'{page}, {text}' for text in found]
    close(len(cells), 'lessons run as shown', wrong)

if __name__ == '__main__': main()
