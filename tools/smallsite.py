"""The site without Quarto: smalldocs reads the same _quarto.yml, with help for what it does not do by itself"""
import json, re
import pages, vendor

# What smalldocs needs told, page by page: references to figures and equations, saved widgets

VIEW, STATE = 'application/vnd.jupyter.widget-view+json', 'application/vnd.jupyter.widget-state+json'
LABEL = re.compile(r'\{#((?:fig|eq)-[\w-]+)\}')

def labels(nb):
    "Number the figures and the equations that have a label, in reading order: `{'fig-loss': 'Figure 1'}`"
    found, counts = {}, dict(fig=0, eq=0)
    for cell in nb['cells']:
        text = pages.source(cell)
        for label in [pages.directives(cell).get('label', '')] if cell['cell_type'] == 'code' else LABEL.findall(text):
            kind = label.partition('-')[0]
            if kind in counts and label not in found: counts[kind] += 1; found[label] = f"{'Figure' if kind == 'fig' else 'Equation'} {counts[kind]}"
    return found

def with_references(nb):
    "`@fig-loss` becomes a link that says `Figure 1`, and the figure's caption begins with it; equations likewise"
    known = labels(nb)
    link = lambda m: f'[{known[m[1]]}](#{m[1]})' if m[1] in known else m[0]
    number = lambda m: f'<span id="{m[1]}" class="equation-number">({known[m[1]].split()[1]})</span>'
    for cell in nb['cells']:
        text = pages.source(cell)
        if cell['cell_type'] == 'markdown': cell['source'] = LABEL.sub(number, re.sub(r'(?<![\w`])@((?:fig|eq)-[\w-]+)', link, text))
        elif (name := known.get(pages.directives(cell).get('label', ''))): cell['source'] = re.sub(r'(?m)^(#\|\s*fig-cap:\s*)(["\']?)', rf'\1\2{name}. ', text, count=1)

def as_script(kind, content):
    text = json.dumps(content).replace('</', r'<\/')
    return f'<script type="{kind}">{text}</script>'

def with_widgets(nb):
    "Saved widgets become scripts that `embed.js` draws"
    state = nb['metadata'].get('widgets', {}).get(STATE, {})
    known = state.get('state', {}).keys()
    outputs = [o['data'] for c in nb['cells'] for o in c.get('outputs', []) if VIEW in o.get('data', {})]
    shown = [data for data in outputs if data[VIEW].get('model_id') in known]
    for data in shown: data['text/html'] = as_script(VIEW, data[VIEW])
    if shown: nb['cells'].append(dict(cell_type='markdown', metadata={}, source=f'```{{=html}}\n{as_script(STATE, state)}\n<script src="site_libs/widgets/dist/embed.js"></script>\n```'))

# The site

def formula(tex, display=False):
    "A formula as MathML, with a thin space after the names of functions"
    from latex2mathml.converter import convert
    text = convert(tex, display='block' if display else 'inline')
    return re.sub(r'(<mi>(?:log|ln|exp|max|min)</mi>)(?=<m[ins]|<mrow><m[ins])', r'\1<mspace width="0.17em"/>', text)

UNREAD = re.compile(r'output-file is not read|html-math-method is ignored|html.grid is ignored|\.scss: smalldocs compiles no Sass') # seen to below, or not needed here

def has_diagrams(nb): return any('```{mermaid}' in pages.source(c) for c in nb['cells'] if c['cell_type'] == 'markdown')
def has_widgets(nb): return bool(nb['metadata'].get('widgets', {}).get(STATE, {}).get('state'))

BROUGHT = { # package: where it goes, which pages need it, what is left out without it
    'mermaid': ('mermaid', has_diagrams, 'diagrams: their source stands instead'),
    '@jupyter-widgets/html-manager': ('widgets', has_widgets, 'widgets: their text stands instead')}

def build(folder):
    "Build the site of the processed pages in `folder`; gives a line for each thing that is left out or not understood"
    from smalldocs import config, layout, markdown, site
    book, there = {page: pages.read(page) for page in folder.glob('*.ipynb')}, []
    for name, (place, needs, without) in BROUGHT.items():
        if not any(map(needs, book.values())): continue
        try: vendor.package(name); there.append(place)
        except vendor.Missing as e: yield f'left out: {without} ({e})'
    for page, nb in book.items():
        with_references(nb)
        if 'widgets' in there: with_widgets(nb)
        pages.write(page, nb)
    markdown.math_renderer = lambda tex, options: formula(tex, options.get('display_mode'))
    layout.MERMAID = './site_libs/mermaid/dist/mermaid.esm.min.mjs'

    class Site(site.Site):
        def read(self, src):
            page = super().read(src)
            page.out = src.with_name(page.front.get('output-file', page.out.name)) # as Quarto names it: without the number
            return page
        def render_page(self, page):
            super().render_page(page)
            page.env['math'] = False # formulas are MathML already
            page.env['mermaid'] = page.env.get('mermaid') and 'mermaid' in there

    made = Site(config.load(folder), quiet=True)
    made.build()
    yield from (w for w in made.warnings if not UNREAD.search(w))
    for name, (place, _, _) in BROUGHT.items():
        if place in there: vendor.bring(name, made.out/'site_libs'/place)
