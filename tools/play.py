#!/usr/bin/env python3
"""Turn the knobs of each lesson that trains, one at a time, and run its shown cells again.

    python tools/play.py train speed --except tools/exceptions.txt [--env NAME=VALUE ...]

No kept tool does this. A lesson that trains (calls fit…, train_… or step) sets `bs`, `lr`, `seed`,
`epochs` once each, as a number at top level; `momentum` and `opt_func` are turned where they are set.
Each turn must run, and some number or tensor come out otherwise that two runs as it stands agree on.
The exceptions' line `untrained: PAGE.ipynb …` names pages that need no knobs, though they take steps.
"""
import ast, hashlib, multiprocessing, re, sys, time, types
from collections import defaultdict
from as_shown import arguments, close, excused, lessons, results

KNOBS, MORE = ['bs', 'lr', 'seed', 'epochs'], ['momentum', 'opt', 'opt_func']
INSIDE = (ast.FunctionDef, ast.ClassDef, ast.Lambda, ast.GeneratorExp, ast.ListComp, ast.DictComp)
OPAQUE = (type, types.ModuleType, types.FunctionType, types.MethodType)
NUMBER = re.compile(r'\d*\.\d+(?:e[-+]?\d+)?(?![\d.]*\s*(?:s|ms|µs|seconds)\b)') # but no seconds

def names_bound(node):
    "The names that a statement binds at top level"
    if isinstance(node, INSIDE): return
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store): yield node
    for part in ast.iter_child_nodes(node): yield from names_bound(part)

def settings(cells):
    "Where names are bound at top level: `{name: [(cell, what it is set to, None if unclear), ...]}`"
    found, statements = defaultdict(list), [(c, s) for c in cells for s in ast.parse(cells[c]).body]
    for cell, s in statements:
        pairs = [(t, s.value) for t in s.targets] if isinstance(s, ast.Assign) else []
        for t, v in list(pairs):
            if isinstance(t, ast.Tuple) and isinstance(v, ast.Tuple): pairs += zip(t.elts, v.elts)
        values = {id(t): v for t, v in pairs}
        for node in names_bound(s): found[node.id].append((cell, values.get(id(node))))
    return found

def others(name, value):
    "What a knob is turned to, as code; nothing if it is set to what is no plain value"
    if name.startswith('opt') and isinstance(value, ast.Name | ast.Attribute): # both take SGD's rates
        new = 'ASGD' if ast.unparse(value).endswith('SGD') else 'Adamax'
        return [f"__import__('torch').optim.{new}"]
    if name.startswith('opt') or type(old := getattr(value, 'value', None)) not in (int, float): return []
    new = dict(bs=[16, 256], lr=[old/5], seed=[1, 2], epochs=[1, 2], momentum=[0., .9])[name]
    return [repr(v) for v in new if v != old][:2 if name == 'bs' else 1]

def trains(cells):
    calls = [n.func for c in cells for n in ast.walk(ast.parse(cells[c])) if isinstance(n, ast.Call)]
    names = [getattr(f, 'attr', getattr(f, 'id', '')) for f in calls]
    return any(re.fullmatch(r'fit\w*|train_\w+|step', name) for name in names)

def turns(cells, must):
    "A lesson with one knob turned, `{(name, old, new): cells}`, and what is wrong with its knobs"
    found, tasks, wrong = settings(cells), {}, []
    for name in KNOBS + MORE:
        known = [(cell, v) for cell, v in found[name] if others(name, v)]
        if not known and must and name in KNOBS: wrong.append(f'it trains, and sets no `{name}` to a number')
        if known and len(found[name]) > 1:
            wrong.append(f"it sets `{name}` again, in cell {' and '.join(str(c) for c, _ in found[name][1:])}")
        elif known:
            (cell, value), = known
            lines = cells[cell].encode().splitlines(keepends=True) # ast counts bytes
            line = lines[value.lineno-1]
            for new in others(name, value):
                lines[value.lineno-1] = line[:value.col_offset] + new.encode() + line[value.end_col_offset:]
                tasks[name, ast.unparse(value), new] = cells | {cell: b''.join(lines).decode()}
    return tasks, wrong

def computed(shell, log):
    "What a lesson computed: numbers and digests of tensors in its variables, outputs and printed lines"
    found, seen, modules = {}, set(), sys.modules
    arrays = tuple(getattr(modules[m], n) for m, n in (('torch', 'Tensor'), ('numpy', 'ndarray')) if m in modules)
    def walk(where, x, depth=0):
        if isinstance(x, float): found[where] = repr(x)
        elif isinstance(x, str):
            for i, n in enumerate(NUMBER.findall(x[:100_000])): found[f'{where} {i}'] = repr(float(n))
        elif isinstance(x, OPAQUE) or id(x) in seen or depth > 8 or len(seen) > 50_000: return
        elif isinstance(x, arrays):
            x = x.detach().cpu().double().numpy() if hasattr(x, 'detach') else x
            found[where] = f'{x.shape} {hashlib.sha256(x.tobytes()).hexdigest()}'
        elif seen.add(id(x)) or isinstance(x, list | tuple):
            for i, v in enumerate(x): walk(f'{where}.{i}', v, depth + 1)
        else:
            for k, v in (x if isinstance(x, dict) else getattr(x, '__dict__', {})).items():
                if not re.search('sec|time', str(k)): walk(f'{where}.{k}', v, depth + 1)
    own = {k: v for k, v in shell.user_ns.items() if k not in [*shell.user_ns_hidden, *KNOBS, *MORE]}
    walk('', own | {'Out': shell.user_ns['Out'], 'printed': log.splitlines()})
    return found

def nothing_turned(base, again, now, old, new):
    "Whether two runs of a lesson as it stands and one with a knob turned differ in nothing but the knob"
    itself = {repr(float(v)) for v in (old, new) if v[0].isdigit()}
    return all(now.get(k) in (v, *itself) for k, v in base.items() if again.get(k) == v)

def main():
    args, began = arguments(__doc__), time.monotonic()
    fork = sys.platform == 'linux' and 'fork' in multiprocessing.get_all_start_methods()
    from IPython.core.inputtransformer2 import TransformerManager
    if fork: import torch, IPython.core.interactiveshell # noqa: F401, once for all runs
    (found, wrong), untrained, tasks, bases = lessons(args), excused(args, 'untrained'), {}, defaultdict(list)
    for page, cells in found.items():
        cells = {i: TransformerManager().transform_cell(source) for i, source in cells}
        ways, bad = turns(cells, trains(cells) and page not in untrained)
        wrong += [f'{page}: {what}' for what in bad]
        tasks |= {(page, knob): changed.items() for knob, changed in {None: cells, **ways}.items() if ways}
    def run(tasks):
        for (page, knob), seconds, now, trouble in results(tasks, args, 'fork' if fork else 'spawn', computed):
            what = f'{page}, {knob[0]} = {knob[2]}' if knob else f'{page}, as it is'
            if not trouble and knob and nothing_turned(*bases[page], now, *knob[1:]): trouble = 'nothing changes'
            if not trouble and not knob: bases[page].append(now)
            if trouble: wrong.append(f'{what}: {trouble}')
            print(f"{'FAILED' if trouble else 'ok':6} {seconds:6.1f} s  {what}", flush=True)
    for _ in range(2): run({k: cells for k, cells in tasks.items() if not k[1]})
    run({k: cells for k, cells in tasks.items() if k[1] and len(bases[k[0]]) == 2})
    seconds = time.monotonic() - began
    if seconds > args.limit: wrong.append(f'it took {seconds:.0f} s')
    close(len(tasks), f'runs of {len(found)} lessons in {seconds:.0f} s', wrong)

if __name__ == '__main__': main()
