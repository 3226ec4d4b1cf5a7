#!/usr/bin/env python3
"""Turn the knobs of each lesson that trains, `bs`, `lr`, `seed`, `epochs` and where it has them `momentum` and `opt_func`, one at a
time, and run its shown cells again: each must still run, and a number or tensor must come out otherwise. No kept tool does this.

    python tools/play.py train [--except train/01_tracking] [--untrained train/08_device] [--env NAME=VALUE ...]

Pages are named, and read, as for as_shown.py, which runs them. A page that calls fit, train_… or step trains, unless
it is one of the `--untrained`. What differs between two runs as it stands, such as seconds, is not compared.
"""
import ast, hashlib, multiprocessing, re, sys, time, types
from collections import defaultdict
import as_shown

KNOBS, MORE = ['bs', 'lr', 'seed', 'epochs'], ['momentum', 'opt', 'opt_func']
INSIDE = (ast.FunctionDef, ast.ClassDef, ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)

def bound(node):
    "The names that a statement binds at top level, as nodes"
    if isinstance(node, INSIDE): return
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store): yield node
    for part in ast.iter_child_nodes(node): yield from bound(part)

def settings(cells):
    "Where each name is bound at top level: `{name: [(cell, what it is set to, or None), ...]}`"
    found = defaultdict(list)
    for cell, statement in ((cell, s) for cell, (_, source) in enumerate(cells) for s in ast.parse(source).body):
        pairs, value = [], getattr(statement, 'value', None)
        for target in statement.targets if isinstance(statement, ast.Assign) else []:
            both = isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple)
            pairs += zip(target.elts, value.elts) if both else [(target, value)]
        for node in bound(statement): found[node.id].append((cell, next((v for t, v in pairs if t is node), None)))
    return found

def is_plain(name, value):
    if name.startswith('opt'): return isinstance(value, ast.Attribute | ast.Name)
    return isinstance(value, ast.Constant) and type(value.value) in (int, float)

def others(name, value):
    "What a knob is turned to, as code"
    if name.startswith('opt'): return [f"__import__('torch').optim.{'ASGD' if value.endswith('SGD') else 'Adamax'}"] # both bear SGD's rates
    value = ast.literal_eval(value)
    values = dict(bs=[16, 256], lr=[value/5], seed=[1, 2], epochs=[1, 2], momentum=[0., .9])[name]
    return [repr(v) for v in values if v != value][:2 if name == 'bs' else 1]

def trains(cells):
    calls = (n.func for _, source in cells for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Call))
    return any(re.fullmatch(r'fit\w*|train_\w+|step', getattr(f, 'attr', getattr(f, 'id', ''))) for f in calls)

def turns(cells, untrained):
    "A page with one knob turned, for each and each way, `{(name, old, new): cells}`, and what is wrong with its knobs"
    found, tasks, wrong, must = settings(cells), {}, [], trains(cells) and not untrained
    for name in KNOBS + MORE:
        if not any(is_plain(name, value) for _, value in found[name]):
            if must and name in KNOBS: wrong.append(f'it trains, and no shown cell sets `{name}` to a plain number')
        elif len(found[name]) > 1: wrong.append(f"`{name}` is set more than once: cells {', '.join(str(cells[c][0]) for c, _ in found[name])}")
        else:
            (cell, value), = found[name]
            i, source = cells[cell]
            lines = source.encode().splitlines(keepends=True) # ast counts bytes
            line, old = lines[value.lineno-1], ast.unparse(value)
            for new in others(name, old):
                lines[value.lineno-1] = line[:value.col_offset] + new.encode() + line[value.end_col_offset:]
                tasks[name, old, new] = [*cells[:cell], (i, b''.join(lines).decode()), *cells[cell+1:]]
    return tasks, wrong

def results_of(shell, log):
    "What a lesson computed: each number, and a digest of each tensor, among its variables, its outputs and what it printed"
    found, seen = {}, set()
    def text(place, x):
        for i, number in enumerate(re.findall(r'\d*\.\d+(?:e[-+]?\d+)?(?![\d.]*\s*(?:s|ms|µs|seconds)\b)', x)[:10_000]): found[f'{place} {i}'] = repr(float(number))
    def walk(place, x, depth=0):
        if isinstance(x, float): found[place] = repr(x)
        elif isinstance(x, str): text(place, x)
        elif id(x) in seen or depth > 8 or isinstance(x, type | types.ModuleType | types.FunctionType | types.MethodType): return
        elif seen.add(id(x)) or hasattr(x, 'detach'): found[place] = f'{list(x.shape)} {hashlib.sha256(x.detach().cpu().double().numpy().tobytes()).hexdigest()}'
        elif hasattr(x, 'tobytes') and hasattr(x, 'shape'): found[place] = f'{x.shape} {hashlib.sha256(x.tobytes()).hexdigest()}'
        elif isinstance(x, dict): [walk(f'{place}.{k}', v, depth + 1) for k, v in x.items() if not re.search('sec|time', str(k))]
        elif isinstance(x, list | tuple): [walk(f'{place}.{i}', v, depth + 1) for i, v in enumerate(x)]
        elif hasattr(x, '__dict__'): walk(place, vars(x), depth + 1)
    for name, x in shell.user_ns.items():
        if not name.startswith('_') and name not in KNOBS + MORE + ['In']: walk(name, x)
    for i, line in enumerate(log.splitlines()): text(f'line {i}', line)
    return found

def is_same(base, again, now, knob):
    "Whether nothing came out otherwise, but for what does so in any case, and the knob itself"
    itself = {repr(float(v)) for v in knob[1:] if v[0].isdigit()}
    return all(now.get(k) in (v, *itself) for k, v in base.items() if again.get(k) == v)

def main():
    p = as_shown.options(__doc__)
    p.add_argument('--untrained', nargs='*', default=[], help='pages that need no knobs, though they take a step')
    args, start, fork = as_shown.parsed(p), time.monotonic(), 'fork' in multiprocessing.get_all_start_methods() and sys.platform == 'linux'
    from IPython.core.inputtransformer2 import TransformerManager
    if fork:
        import IPython.core.interactiveshell, torch # once, for all
    lessons, wrong = as_shown.lessons(args)
    left_out, unknown = as_shown.named(args.untrained, args.nbs)
    wrong += unknown
    left_out = {p.with_suffix('').as_posix() for p in left_out}
    tasks, bases = {}, {}
    for page, cells in lessons.items():
        lessons[page] = cells = [(i, TransformerManager().transform_cell(source)) for i, source in cells]
        ways, bad = turns(cells, page in left_out)
        wrong += [f'{page}: {text}' for text in bad]
        if ways: tasks |= {(page, None): cells} | {(page, knob): changed for knob, changed in ways.items()}
    def run(tasks):
        for (page, knob), seconds, found, trouble in as_shown.results(tasks, args, 'fork' if fork else 'spawn', results_of):
            how = '{0} = {2}'.format(*knob) if knob else 'as it is'
            if not trouble and knob and is_same(*bases[page], found, knob): trouble = 'it changes no number and no tensor'
            print(f"{'FAILED' if trouble else 'ok':6} {seconds:6.1f} s  {page}, {how}", flush=True)
            if trouble: wrong.append(f'{page}, {how}: {trouble}')
            elif not knob: bases[page] = bases.get(page, ()) + (found,)
    for _ in range(2): run({key: cells for key, cells in tasks.items() if not key[1]})
    run({key: cells for key, cells in tasks.items() if key[1] and len(bases.get(key[0], ())) == 2})
    as_shown.close(len(tasks), f'runs of {len(lessons)} lessons in {time.monotonic() - start:.0f} s', wrong)

if __name__ == '__main__': main()
