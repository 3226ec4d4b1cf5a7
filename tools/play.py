#!/usr/bin/env python3
"""Turn the knobs of each lesson that trains, one at a time, and run its shown cells again.

    python tools/play.py train speed --except tools/exceptions.txt [--env NAME=VALUE ...]

No kept tool does this. A lesson that trains (calls fit…, train_… or step) sets `bs`, `lr`, `seed`,
`epochs` once each, to a number at top level; `momentum` and `opt_func` are turned where it has them.
Each turn must run, and a number or tensor come out otherwise on which two runs as it stands agree.
The line `untrained: PAGE.ipynb …` of the exceptions names pages that step and need no knobs.
"""
import ast, hashlib, multiprocessing, re, sys, time, types
from collections import defaultdict
from as_shown import arguments, close, excused, lessons, results

KNOBS, MORE = ['bs', 'lr', 'seed', 'epochs'], ['momentum', 'opt', 'opt_func']
INSIDE = (ast.FunctionDef, ast.ClassDef, ast.Lambda, ast.GeneratorExp, ast.ListComp, ast.DictComp)
OPAQUE = (type, types.ModuleType, types.FunctionType, types.MethodType)
NUMBER = re.compile(r'\d*\.\d+(?:e[-+]?\d+)?(?![\d.]*\s*(?:s|ms|µs|seconds)\b)') # but no seconds

# Knobs

def names_bound(node):
    "The names that a statement binds at top level, as nodes"
    if isinstance(node, INSIDE): return
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store): yield node
    for part in ast.iter_child_nodes(node): yield from names_bound(part)

def settings(cells):
    "Where names are bound at top level: `{name: [(cell, what it is set to, or None), ...]}`"
    found = defaultdict(list)
    for cell, s in [(cell, s) for cell, source in cells.items() for s in ast.parse(source).body]:
        pairs = [(t, s.value) for t in s.targets] if isinstance(s, ast.Assign) else []
        for t, v in list(pairs):
            if isinstance(t, ast.Tuple) and isinstance(v, ast.Tuple): pairs += zip(t.elts, v.elts)
        values = {id(t): v for t, v in pairs}
        for node in names_bound(s): found[node.id].append((cell, values.get(id(node))))
    return found

def others(name, value):
    "What a knob is turned to, as code; nothing if it is set to nothing plain"
    old = getattr(value, 'value', None)
    if name.startswith('opt'): # these two can do with SGD's and with Adam's learning rates
        new = 'ASGD' if isinstance(value, ast.expr) and ast.unparse(value).endswith('SGD') else 'Adamax'
        plain = isinstance(value, ast.Name | ast.Attribute)
        return [f"__import__('torch').optim.{new}"] if plain else []
    if type(old) not in (int, float): return []
    new = dict(bs=[16, 256], lr=[old/5], seed=[1, 2], epochs=[1, 2], momentum=[0., .9])[name]
    return [repr(v) for v in new if v != old][:2 if name == 'bs' else 1]

def trains(cells):
    calls = [n.func for c in cells.values() for n in ast.walk(ast.parse(c)) if isinstance(n, ast.Call)]
    names = [getattr(f, 'attr', getattr(f, 'id', '')) for f in calls]
    return any(re.fullmatch(r'fit\w*|train_\w+|step', name) for name in names)

def turns(cells, must):
    "A lesson with one knob turned, `{(name, old, new): cells}`, and what is wrong with its knobs"
    found, tasks, wrong = settings(cells), {}, []
    for name in KNOBS + MORE:
        known = [(cell, v) for cell, v in found[name] if others(name, v)]
        if not known:
            if must and name in KNOBS: wrong.append(f'it trains, and sets `{name}` to no number')
        elif len(found[name]) > 1:
            where = ', '.join(str(cell) for cell, _ in found[name])
            wrong.append(f'it sets `{name}` more than once: cells {where}')
        else:
            (cell, v), = known
            lines = cells[cell].encode().splitlines(keepends=True) # ast counts bytes
            line = lines[v.lineno-1]
            for new in others(name, v):
                lines[v.lineno-1] = line[:v.col_offset] + new.encode() + line[v.end_col_offset:]
                tasks[name, ast.unparse(v), new] = cells | {cell: b''.join(lines).decode()}
    return tasks, wrong

# What comes of turning them

def computed(shell, log):
    "What a lesson computed: numbers, and digests of tensors, in variables, outputs, printed lines"
    found, seen = {}, set()
    kinds = [('torch', 'Tensor'), ('numpy', 'ndarray')]
    arrays = tuple(getattr(sys.modules[m], kind) for m, kind in kinds if m in sys.modules)
    def walk(where, x, depth=0):
        if isinstance(x, float): found[where] = repr(x)
        elif isinstance(x, str):
            numbers = NUMBER.findall(x[:100_000])
            found.update((f'{where} {i}', repr(float(n))) for i, n in enumerate(numbers))
        elif isinstance(x, OPAQUE) or id(x) in seen or depth > 8 or len(seen) > 50_000: return
        elif isinstance(x, arrays):
            x = x.detach().cpu().double().numpy() if hasattr(x, 'detach') else x
            found[where] = f'{x.shape} {hashlib.sha256(x.tobytes()).hexdigest()}'
        else:
            seen.add(id(x))
            parts = enumerate(x) if isinstance(x, list | tuple) else \
                    (x if isinstance(x, dict) else getattr(x, '__dict__', {})).items()
            for k, v in list(parts):
                if not re.search('sec|time', str(k)): walk(f'{where}.{k}', v, depth + 1)
    hidden = {*shell.user_ns_hidden, *KNOBS, *MORE}
    own = {k: v for k, v in shell.user_ns.items() if k not in hidden}
    walk('', own | {'Out': shell.user_ns['Out'], 'printed': log.splitlines()})
    return found

def nothing_turned(base, again, now, old, new):
    "Whether nothing but the knob differs from what two runs of the lesson as it stands agree on"
    knob = {repr(float(v)) for v in (old, new) if v[0].isdigit()}
    return all(now.get(k) in (v, *knob) for k, v in base.items() if again.get(k) == v)

def main():
    args, began, method = arguments(__doc__), time.monotonic(), 'spawn'
    from IPython.core.inputtransformer2 import TransformerManager
    if sys.platform == 'linux' and 'fork' in multiprocessing.get_all_start_methods():
        import torch._dynamo, IPython.core.interactiveshell # noqa: E401,F401 once, for all runs
        method = 'fork'
    found, wrong = lessons(args)
    untrained, tasks, bases = excused(args, 'untrained'), {}, defaultdict(list)
    for page, cells in found.items():
        cells = {i: TransformerManager().transform_cell(source) for i, source in cells}
        ways, bad = turns(cells, page not in untrained and trains(cells))
        wrong += [f'{page}: {what}' for what in bad]
        if ways: tasks |= {(page, knob): c.items() for knob, c in {None: cells, **ways}.items()}
    def run(tasks):
        for (page, knob), seconds, now, trouble in results(tasks, args, method, computed):
            what = f'{page}, {knob[0]} = {knob[2]}' if knob else f'{page}, as it is'
            if trouble: pass
            elif not knob: bases[page].append(now)
            elif nothing_turned(*bases[page], now, *knob[1:]): trouble = 'this turns nothing'
            if trouble: wrong.append(f'{what}: {trouble}')
            print(f"{'FAILED' if trouble else 'ok':6} {seconds:6.1f} s  {what}", flush=True)
    for _ in range(2): run({key: cells for key, cells in tasks.items() if not key[1]})
    run({key: cells for key, cells in tasks.items() if key[1] and len(bases[key[0]]) == 2})
    seconds = time.monotonic() - began
    if seconds > args.limit: wrong.append(f'it took {seconds:.0f} s')
    close(len(tasks), f'runs of {len(found)} lessons in {seconds:.0f} s', wrong)

if __name__ == '__main__': main()
