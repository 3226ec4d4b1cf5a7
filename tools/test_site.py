#!/usr/bin/env python3
"""Tests of what builds and checks the site, on small pages made here: each check must find the fault it looks for.

    python tools/test_site.py
"""
import tempfile
from pathlib import Path
from fastcore.test import test_eq, test_fail
import check_site, docs, mend, pages, readme, slides, smallsite

def markdown(text): return dict(cell_type='markdown', metadata={}, source=text)
def code(text, *outputs): return dict(cell_type='code', metadata={}, source=text, outputs=list(outputs), execution_count=None)
def shown(**data): return dict(output_type='display_data', metadata={}, data={k.replace('_', '/', 1): v for k, v in data.items()})

# Before the build

def test_references():
    "Figures and equations are numbered, mentions become links, captions say their number"
    nb = dict(cells=[markdown('See @fig-a and @eq-b, not `@fig-a` nor me@fig-a.org, nor @fig-none.'), code('#| label: fig-a\n#| fig-cap: "A curve."\nx'), markdown('$$x$$ {#eq-b}')], metadata={})
    smallsite.with_references(nb)
    test_eq(nb['cells'][0]['source'], 'See [Figure 1](#fig-a) and [Equation 1](#eq-b), not `@fig-a` nor me@fig-a.org, nor @fig-none.')
    test_eq(nb['cells'][1]['source'], '#| label: fig-a\n#| fig-cap: "Figure 1. A curve."\nx')
    test_eq(nb['cells'][2]['source'], '$$x$$ <span id="eq-b" class="equation-number">(1)</span>')

def test_widgets():
    "A saved widget becomes a script beside its state, once each; a page without one is left alone"
    view = {smallsite.VIEW: dict(model_id='7', version_major=2), 'text/plain': 'IntSlider()'}
    nb = dict(cells=[code('slider', dict(output_type='display_data', metadata={}, data=view))], metadata=dict(widgets={smallsite.STATE: dict(state={'7': dict(name='</script>')})}))
    assert smallsite.has_widgets(nb)
    smallsite.with_widgets(nb)
    html, state = nb['cells'][0]['outputs'][0]['data']['text/html'], nb['cells'][1]['source']
    assert '"model_id": "7"' in html and state.count('</script>') == 2 and 'embed.js' in state and r'<\/script>' in state
    plain = dict(cells=[code('1')], metadata=dict(widgets={smallsite.STATE: dict(state={})}))
    smallsite.with_widgets(plain)
    assert not smallsite.has_widgets(plain) and len(plain['cells']) == 1

def test_entries():
    "Where an exported cell is shown, its entries are headings before it, in its order; an entry without source keeps its signature"
    def entry(name): return code(f'#| echo: false\n#| output: asis\nshow_doc({name})', shown(text_markdown=f'---\n\n[source](u)\n\n### {name}\n\n```python\ndef {name}()\n```\n\n*doc*'))
    cells = [entry('other'), entry('second'), code(docs.FOLDED + 'def first(): pass\n\ndef second(): pass'), entry('first'), markdown('text')]
    docs.with_sources(cells)
    test_eq([c['source'].split('\n')[-1] for c in cells], ['show_doc(other)', 'show_doc(first)', 'show_doc(second)', 'def second(): pass', 'text'])
    texts = [c['outputs'][0]['data']['text/markdown'] for c in cells[:3]]
    assert '*doc*' in texts[0] and [t.rpartition('\n\n')[2] for t in texts[1:]] == ['### first\n', '### second\n']

def test_formulas():
    assert '<mi>log</mi><mspace' in smallsite.formula(r'\log 10') and 'display="block"' in smallsite.formula('x', display=True)

def test_readme():
    "Links lead into nbs/, fences and options of Quarto are gone, a diagram is one a code host draws, a labelled picture becomes a file"
    text = '::: {.ways}\n\n::: {.way}\nGo [on](11_scratch.ipynb#loop) or [out](https://a.b/c.ipynb).\n:::\n\n:::\n\n```{mermaid}\n%%| fig-alt: "x"\na --> b\n```'
    test_eq(readme.for_a_code_host(text), 'Go [on](nbs/11_scratch.ipynb#loop) or [out](https://a.b/c.ipynb).\n\n```mermaid\na --> b\n```')
    files, link = readme.picture(code('#| label: fig-hill\n#| fig-alt: "A hill"\n#| fig-cap: "The hill."', shown(image_png='aGk=')))
    test_eq((files, link), ({pages.NBS/'hill.png': b'hi'}, '![A hill](nbs/hill.png)\n\n*The hill.*'))
    test_eq(readme.picture(code('x', shown(image_png='aGk='))), ({}, ''))

# After it

QUARTO = '''<html><head><title>t</title>
<script src="https://cdnjs.example/ajax/libs/require.js/2.3.6/require.min.js" integrity="sha384-x" crossorigin="anonymous"></script>
<script src="https://cdnjs.example/ajax/libs/jquery/3.5.1/jquery.min.js" integrity="sha384-y" crossorigin="anonymous" data-relocate-top="true"></script>
<script type="application/javascript">define('jquery', [],function() {return window.jQuery;})</script>
<script src="https://cdn.example/npm/@jupyter-widgets/html-manager@*/dist/embed-amd.js" crossorigin="anonymous"></script>
<script src="site_libs/own.js"></script></head>'''

def test_mend():
    "Scripts from other hosts are dropped or brought along, and a new one is refused"
    page = Path('page.html')
    test_eq(mend.from_here(page, QUARTO).split('\n')[1:], ['<script src="site_libs/widgets/dist/embed.js"></script>', '<script src="site_libs/own.js"></script></head>'])
    test_fail(lambda: mend.from_here(page, '<script src="https://cdn.example/new.js"></script>'), contains='page.html asks another host for https://cdn.example/new.js', exc=SystemExit)
    test_fail(lambda: mend.from_here(page, '<link href="//fonts.example/a.css" rel="stylesheet">'), contains='asks another host', exc=SystemExit)
    assert mend.from_here(page, '<link rel="canonical" href="https://own.example/">')
    test_eq(mend.IMPORT.sub('', '@import url(https://fonts.example/css2?family=A:wght@300;400&display=swap);a{}'), 'a{}')
    test_eq(mend.with_own_links('<a class="x" href="https://me.example/p/fit.html#fit">', 'https://me.example/p'), '<a class="x" href="fit.html#fit">')
    ids = {'a.html': {'table'}, 'b.html': {'fit', 'fit.x'}}
    test_eq(mend.with_anchors('<a href="a.html#table.cells"> <a href="b.html#fit.x"> <a href="#none.x">', 'a.html', ids), '<a href="a.html#table"> <a href="b.html#fit.x"> <a href="#none.x">')
    test_eq(mend.within_reach('<pre><code>x</code></pre>'), '<pre tabindex="0"><code>x</code></pre>')

PAGE = '<html><head><title>{title}</title><meta name="description" content="{description}"></head><body><main><h1 id="top">T</h1><p>{text}</p></main></body></html>'

def found_in(**pages_of):
    "What the checks of links and contents find in a site of these pages"
    with tempfile.TemporaryDirectory() as folder:
        for name, parts in pages_of.items(): (Path(folder)/f'{name}.html').write_text(PAGE.format(**dict(title='t', description='d', text='word ' * 50) | parts), encoding='utf-8')
        site = {f.resolve(): check_site.Page(f.resolve()) for f in sorted(Path(folder).glob('*.html'))}
        return [what for check in (check_site.check_links, check_site.check_contents) for _, what in check(site)]

def test_checks():
    "Each fault is found, and a page without one passes"
    words = 'word ' * 50
    test_eq(found_in(a=dict(text=words + '<a href="b.html#top">b</a> <a href="https://else.example">e</a>'), b={}), [])
    faults = {'<a href="none.html">n</a>': 'a link leads nowhere: none.html', '<a href="#none">n</a>': 'a link leads to no anchor: #none', '<img src="x.png">': '1 pictures have no alt text',
              '\n::: {.note}': 'left raw: :::', 'see @fig-x': 'left raw: @fig-x', '<script src="https://c.example/x.js"></script>': 'it asks another host for https://c.example/x.js',
              '<link rel="stylesheet" href="//c.example/x.css">': 'it asks another host for //c.example/x.css'}
    for html, fault in faults.items(): test_eq(found_in(a=dict(text=words + html)), [fault])
    test_eq(found_in(a=dict(title='', description='', text='short')), ['it has no title', 'it has no description', 'it is as good as empty: 6 characters of prose'])
    test_eq(found_in(a=dict(text=words + '<code>@fig-x</code> <pre>::: x</pre>')), [])

def test_slides():
    "Cells marked as slides are in the deck, hidden ones are not, links lead back to the site, code loses its options"
    marked = [c | dict(metadata=dict(slideshow=dict(slide_type='slide'))) for c in (markdown('To [fit](21_training.ipynb#fit), $x$, `$y$`'), code('#| exports\nx = 1'), code('#| hide\nx'))]
    nb = dict(cells=[markdown('# T\n\n> Q?'), code('1'), *marked])
    test_eq(slides.chosen(nb), marked[:2])
    text, cell = map(slides.prepared, marked[:2])
    assert text['source'].startswith('To [fit](../training.html#fit), <math') and text['source'].endswith('`$y$`') and cell['source'] == 'x = 1'
    test_eq([*slides.front(nb)], ['T', 'Q?'])
    assert slides.to_do(['A', 'B'], 1, 'Why?').count('☑') == 1 and slides.to_do(['A', 'B'], 2, '').count('☑') == 2

def main():
    tests = [f for name, f in globals().items() if name.startswith('test_') and f.__module__ == '__main__']
    for f in tests: f()
    print(f'{len(tests)} tests of the site tools passed')

if __name__ == '__main__': main()
