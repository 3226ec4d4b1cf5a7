#!/usr/bin/env python3
"""Turn the knobs of each lesson that trains, one at a time, and run its shown cells again.

    python tools/play.py train speed --except tools/exceptions.txt [--env NAME=VALUE ...]

No kept tool does this. A lesson that trains (calls fit*, train_* or step) sets `bs`, `lr`, `seed`,
`epochs` (or None) once each to a number at top level; `momentum`, `opt_func` are turned where set.
Each turn must run, and change a number or tensor on which two runs as it stands agree. The line
`untrained: PAGE …` of the exceptions names pages that need no knobs."""
import ast, hashlib, re, sys, time, types
from collections import defaultdict
from as_shown import arguments, close, excused, lessons, results, run_shown

KNOBS, MORE = ['bs', 'lr', 'seed', 'epochs'], ['momentum', 'opt_func']
INSIDE = (ast.FunctionDef, ast.ClassDef, ast.Lambda, ast.GeneratorExp, ast.ListComp, ast.DictComp)
OPAQUE = (type, types.ModuleType, types.FunctionType, types.MethodType)
NUMBER = re.compile(r'\d*\.\d+(?:e[-+]?\d+)?(?![\d.]*\s*(?:s|ms|µs|seconds)\b)') # but no seconds

def names_bound(node):
    "The names that a statement binds at top level, as nodes"
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store): yield node
    parts = [] if isinstance(node, INSIDE) else ast.iter_child_nodes(node)
    for part in parts: yield from names_bound(part)

def settings(trees):
    "Where names are bound at top level: `{name: [(cell, what it is set to, or None), ...]}`"
    found = defaultdict(list)
    for cell, s in [(cell, s) for cell, tree in trees.items() for s in tree.body]:
        pairs = [(t, s.value) for t in s.targets] if isinstance(s, ast.Assign) else []
        both = [(t, v) for t, v in pairs if isinstance(t, ast.Tuple) and isinstance(v, ast.Tuple)]
        pairs += [pair for t, v in both for pair in zip(t.elts, v.elts)]
        values = {id(t): v for t, v in pairs}
        for node in names_bound(s): found[node.id].append((cell, values.get(id(node))))
    return found

def others(name, v):
    "What a knob's value is turned to, if it is a plain one: the field of its node, and new values"
    if name == 'opt_func' and isinstance(v, ast.Attribute): # both can do with the same rates
        return 'attr', ['ASGD' if v.attr.endswith('SGD') else 'Adamax']
    old = v.value if isinstance(v, ast.Constant) else ''
    if type(old) not in (int, float) and (name, old) != ('epochs', None): return None, []
    new = dict(bs=[16, 256], lr=[(old or 1)/5], seed=[1, 2], epochs=[1, 2], momentum=[0., .9])[name]
    return 'value', [n for n in new if n != old][:2 if name == 'bs' else 1]

def trains(trees):
    calls = [n.func for t in trees.values() for n in ast.walk(t) if isinstance(n, ast.Call)]
    names = [getattr(f, 'attr', getattr(f, 'id', '')) for f in calls]
    return any(re.fullmatch(r'fit\w*|train_\w+|step', name) for name in names)

def turns(cells, is_excused):
    "A lesson with one knob turned, `{(name, old, new): cells}`, and what is wrong with its knobs"
    trees, tasks, wrong = {i: ast.parse(source) for i, source in cells.items()}, {}, []
    found = settings(trees)
    for name in KNOBS + MORE:
        known = [(cell, v) for cell, v in found[name] if others(name, v)[1]]
        if known and len(found[name]) > 1:
            where = ', '.join(cell for cell, _ in found[name])
            wrong.append(f'it sets `{name}` more than once: cells {where}')
        elif known:
            (cell, v), = known
            field, new = others(name, v)
            old = getattr(v, field)
            for n in new:
                setattr(v, field, n)
                tasks[name, old, n] = cells | {cell: ast.unparse(trees[cell])}
            setattr(v, field, old)
        elif name in KNOBS and trains(trees) and not is_excused:
            wrong.append(f'it trains, and sets `{name}` to no number')
    return tasks, wrong

def computed(shell, log):
    "What a lesson computed: numbers, and digests of tensors, in variables, outputs, printed lines"
    found, seen, tensor = {}, set(), getattr(sys.modules.get('torch'), 'Tensor', ())
    def walk(where, x, depth=0):
        if isinstance(x, float): found[where] = x
        elif isinstance(x, str):
            for i, n in enumerate(NUMBER.findall(x[:100_000])): found[f'{where} {i}'] = float(n)
        elif isinstance(x, tensor):
            digest = hashlib.sha256(x.detach().cpu().double().numpy().tobytes())
            found[where] = f'{[*x.shape]} {digest.hexdigest()}'
        elif not isinstance(x, OPAQUE) and id(x) not in seen and depth < 9 and len(seen) < 50_000:
            seen.add(id(x))
            x = dict(enumerate(x)) if isinstance(x, list | tuple) else x
            parts = x if isinstance(x, dict) else getattr(x, '__dict__', {})
            for k, v in [*parts.items()]:
                if not re.search('sec|time', str(k)): walk(f'{where}.{k}', v, depth + 1)
    hidden = {*shell.user_ns_hidden, *KNOBS, *MORE}
    own = {k: v for k, v in shell.user_ns.items() if k[0] != '_' and k not in hidden}
    walk('', own | dict(Out=shell.user_ns['Out'], printed=log.splitlines()))
    return found

def run_and_look(*its): return run_shown(*its, look=computed)

def main():
    args, began = arguments(__doc__), time.monotonic()
    if sys.platform == 'linux': # once, for all runs
        import torch._dynamo, IPython.core.interactiveshell # noqa: E401,F401
    from IPython.core.inputtransformer2 import TransformerManager
    found, wrong = lessons(args)
    untrained, tasks, bases = excused(args.exceptions, 'untrained'), {}, defaultdict(list)
    for page, cells in found.items():
        cells = {i: TransformerManager().transform_cell(source) for i, source in cells.items()}
        ways, bad = turns(cells, any(page.endswith(name) for name in untrained))
        wrong += [f'{page}: {what}' for what in bad]
        if ways: tasks |= {(page, knob): c for knob, c in {None: cells, **ways}.items()}
    def run(tasks):
        for (page, knob), seconds, now, trouble in results(tasks, args, run_and_look):
            what = f'{page}, {knob[0]} = {knob[2]}' if knob else f'{page}, as it is'
            if not knob and not trouble: bases[page].append(set(now.items()))
            if knob and not trouble:
                same = [now.get(k) in (v, *knob[1:]) for k, v in set.intersection(*bases[page])]
                trouble = 'this turns nothing' if all(same) else ''
            if trouble: wrong.append(f'{what}: {trouble}')
            print(f"{'FAILED' if trouble else 'ok':6} {seconds:6.1f} s  {what}", flush=True)
    for n in (0, 1, 2): # twice as it is, then with a knob turned
        run({k: c for k, c in tasks.items() if len(bases[k[0]]) == n and (n == 2) == bool(k[1])})
    if (seconds := time.monotonic() - began) > args.limit: wrong.append(f'it took {seconds:.0f} s')
    close(len(tasks), f'runs of {len(found)} lessons in {seconds:.0f} s', wrong)

if __name__ == '__main__': main()
