#!/usr/bin/env python3
"""Build the site: `nbdev_docs` needs Quarto, and links to our own names by their public address.

nbdev processes the saved pages into _proc, and runs none; `tidy` does what both builders want.
smalldocs builds _docs from it and from _quarto.yml; where `quarto` (1.7 or newer) is on PATH, its
pages take their place, beside the Markdown twins. `mend` does what both leave undone."""
import ast, html, os, re, shutil, subprocess, time
from pathlib import PurePath
import jinja2, yaml
import as_shown, pages

PROC, DOCS, TOOLS = pages.ROOT/'_proc', pages.ROOT/'_docs', pages.ROOT/'tools'
SITE = pages.settings()['doc_host'] + pages.settings()['doc_baseurl']
FENCE = re.compile(r'(?ms)^```.*?^```')
LINK = re.compile(r'\[(`[^`]+`)\]\([^)\s]*\)')      # nbdev's to a name
WITHIN = re.compile(rf'\[([^\[\]]*){LINK.pattern}([^\[\]]*)\]\(') # the same in another link
ENTRY = re.compile(r'show_doc\(([\w.]+)\)')         # the cell with a name's entry
FOLDED = '#| code-fold: show\n#| code-summary: "Exported source"\n' # nbdev's, over `#| exports`

def package(name):
    "The folder of an npm package, as package-lock.json has it; None after a line that says why not"
    try:
        if not (TOOLS/'node_modules'/name).exists():
            command = [shutil.which('npm') or 'npm', 'ci', '--silent', '--ignore-scripts']
            subprocess.run(command, cwd=TOOLS, check=True, timeout=120)
        return TOOLS/'node_modules'/name
    except (OSError, subprocess.SubprocessError) as e: print(f'left out: {name} ({e})')

# What both builders read

def process():
    "nbdev's own processing into _proc, from scratch, and without its offer to install Quarto"
    from nbdev import processors, quarto, serve
    def at_top(trees, types): return any(isinstance(tree, types) for tree in trees)
    processors._ast_contains = at_top # it would run each cell with an import in a function
    serve.IN_NOTEBOOK = True # its workers are forked, and know that
    for folder in (PROC, DOCS): shutil.rmtree(folder, ignore_errors=True)
    quarto._ensure_quarto = lambda: None
    quarto._pre_docs(n_workers=2, skip_folder_re=r'^([_.]|checks$)')

def name_of(cell): return (m := ENTRY.search(pages.source(cell))) and m[1]

def pieces(code, names):
    "Code, parted before each definition in `names`: `[(None, 'x = 1'), ('fit', 'def fit(…')]`"
    lines, found, name, first, end = code.splitlines(keepends=True), [], None, 0, 0
    for n in ast.parse(code).body:
        if getattr(n, 'name', None) in names:
            if end: found.append((name, ''.join(lines[first:end]).strip('\n')))
            name, first = n.name, end
        end = n.end_lineno
    return [*found, (name, ''.join(lines[first:]).strip('\n'))]

def with_sources(cells):
    "Where a page shows exported code, each definition stands once, open, below its own heading"
    entries, made = {name_of(c): c for c in cells if name_of(c)}, []
    shown = [c for c in cells if c['cell_type'] == 'code' and pages.source(c).startswith(FOLDED)]
    for cell in shown: cell['source'] = pages.source(cell).removeprefix(FOLDED)
    defined = {n.name for c in shown for n in ast.parse(c['source']).body if hasattr(n, 'name')}
    for cell in cells:
        if cell not in shown: made += [cell]*(name_of(cell) not in defined); continue
        for i, (name, text) in enumerate(pieces(cell['source'], entries)):
            for output in entries[name]['outputs'] if name else (): # its source says the rest
                said = ''.join(output['data']['text/markdown'])
                output['data']['text/markdown'] = re.sub(r'(?s)(### \S+\n).*', r'\1', said)
            made += [entries[name]] if name else []
            made.append(cell | dict(source=text, outputs=[], id=cell['id'] + f'-{i}'*(i > 0)))
        made[-1]['outputs'] = cell['outputs']
    return made

def own_links(page, site, names):
    "A function that leads links to our own site to the pages' files, and leaves code without any"
    own = re.compile(rf'\[([^\]\n]*)\]\({re.escape(SITE)}/([\w./-]+\.html)(?:#([\w.]+))?\)')
    def lead(m):
        text, html, name = m.groups()
        while name and name not in names.get(html, ()): name = name.rpartition('.')[0] # a class
        if html not in site or m[3] and not name: return text
        there = os.path.relpath(site[html], page.parent).replace(os.sep, '/')
        return f'[{text}]({there}#{name})' if name else f'[{text}]({there})'
    def mend(text):
        text = FENCE.sub(lambda m: LINK.sub(r'\1', m[0]), WITHIN.sub(r'[\1\2\3](', text))
        return own.sub(lead, text)
    return mend

def tidy():
    "The processed pages as both builders want them; sources are lists of lines, as Quarto needs"
    site = {pages.html_name(page): page for page in pages.all_pages()}
    book = {page: pages.read(PROC/pages.path_of(page)) for page in site.values()}
    names = {html: {(name_of(c) or '').lower() for c in book[page]['cells']} - {''}
             for html, page in site.items()}
    for page, nb in book.items():
        mend = own_links(page, site, names)
        front, *cells = with_sources([c for c in nb['cells'] if '__' not in (name_of(c) or '')])
        nb['cells'] = [front, *cells]
        for cell in nb['cells']:
            text = pages.source(cell)
            if cell['cell_type'] == 'markdown': text = mend(text)
            cell['source'] = text.splitlines(keepends=True)
            for data in (o.get('data', {}) for o in cell.get('outputs', [])):
                if said := data.get('text/markdown'): data['text/markdown'] = mend(''.join(said))
        pages.write(PROC/pages.path_of(page), nb)
    return site

# The builders

def formula(tex, display=False):
    "A formula as MathML, with a thin space after the names of functions"
    from latex2mathml.converter import convert
    text = convert(tex, display='block' if display else 'inline')
    function = r'(<mi>(?:log|ln|exp|max|min)</mi>)(?=<m[ins]|<mrow><m[ins])'
    return re.sub(function, r'\1<mspace width="0.17em"/>', text)

UNREAD = re.compile(r'output-file is not read|html-math-method|html.grid is ignored|no Sass')

def smallsite():
    "Build _docs by smalldocs, with what it does not do by itself"
    from smalldocs import config, llms, markdown, site
    markdown.math_renderer = lambda tex, options: formula(tex, options.get('display_mode'))
    def with_code(m): return re.sub(r'`([^`<]+)`', r'<code>\1</code>', m[0])
    class Site(site.Site):
        def read(self, src):
            page = super().read(src)
            page.out = src.with_name(page.front.get('output-file', page.out.name)) # as Quarto
            return page
        def render_page(self, page):
            super().render_page(page)
            page.env['math'] = page.env['mermaid'] = False # MathML already; site.html.j2 has it
            page.html = re.sub(r'(?s)<figcaption.*?</figcaption>', with_code, page.html)
    llms.NB_ORDER = ['text/markdown', 'image/png', 'text/plain'] # a twin holds no HTML
    project, mermaid, words = config.load(PROC), *map(package, ('@mermaid-js/tiny', 'minisearch'))
    project.config['website']['llms-txt'] = True # a key that Quarto 1.7 refuses
    made = Site(project, quiet=True)
    made.out = DOCS
    made.build()
    if mermaid: shutil.copy(mermaid/'dist'/'mermaid.tiny.js', DOCS/'site_libs')
    if words: shutil.copy(words/'dist'/'umd'/'index.js', DOCS/'minisearch.js')
    for css in DOCS.rglob('*.css'): # the themes want fonts of another host; ours are the reader's
        text = css.read_text(encoding='utf-8')
        css.write_text(re.sub(r'@import url\(https?:[^)]*\);?', '', text), encoding='utf-8')
    for said in (w for w in made.warnings if not UNREAD.search(w)): print(f'warning: {said}')
    return made

def quarto():
    "Build with Quarto, as `nbdev_docs` does; what only smalldocs makes, the twins, is added"
    subprocess.run(['quarto', 'render', '--no-cache'], cwd=PROC, check=True)
    built, others = PROC/DOCS.name, shutil.ignore_patterns('site_libs', '*.html', '*.json', '*.xml')
    shutil.copytree(DOCS, built, ignore=others, dirs_exist_ok=True)
    shutil.rmtree(DOCS)
    built.rename(DOCS)

# What both leave undone

RULES = yaml.safe_load((TOOLS/'site.yml').read_text(encoding='utf-8'))
MADE = jinja2.Environment(loader=jinja2.FileSystemLoader(TOOLS), trim_blocks=1, lstrip_blocks=1)
ADDED = MADE.get_template('site.html.j2')

def block(name, about): return ''.join(ADDED.blocks[name](ADDED.new_context(about)))

def mended(text, about):
    "The HTML of a page by either builder, as it should be"
    alts = {PurePath(src).name: alt for alt, src in about.get('pictures', ())}
    def with_alt(m): return f'<img alt="{html.escape(alts.get(PurePath(m[1]).name, ""))}"'
    for old, new in RULES['mended'].items(): text = re.sub(old, new, text)
    text = re.sub(r'<meta [^>]*description[^>]*>', lambda m: m[0].replace('`', ''), text)
    text = re.sub(r'<img(?![^>]*\balt="[^"])(?=[^>]*\bsrc="([^"]*)")', with_alt, text)
    for name, at in RULES['added'].items():
        text = re.sub(at, lambda m: m[0] + block(name, about | dict(text=text)), text, count=1)
    return text

def put(file, text): file.write_text(text, encoding='utf-8', newline='\n')

def mend(site, made):
    "Mend each page, put beside it what readers can take along, and write what stands on no page"
    about = dict(home=SITE, settings=pages.settings(), libs=os.listdir(DOCS/'site_libs'),
                 contents=made.project.website['sidebar']['contents'],
                 pages={str(p.src): p.front | dict(at=str(p.out)) for p in made.pages.values()})
    def lost(m): return block('lost', about | dict(between=m[1]))
    shell = r'(?s)<title>.*?</title>(.*?)(?:<div id="quarto-margin-sidebar".*?)?<main.*</main>'
    text = re.sub(shell, lost, (DOCS/'index.html').read_text(encoding='utf-8'))
    put(DOCS/'404.html', mended(text, about))
    for page in site.values():
        path, there = pages.path_of(page), PROC/pages.path_of(page)
        file = DOCS/about['pages'][path]['at']
        twin = file.with_suffix('.llms.md').read_text(encoding='utf-8')
        its = about | about['pages'][path] | dict(
            path=path, pictures=re.findall(r'!\[([^\]]*)\]\(([^\s)]+)', twin),
            cells=pages.read(there)['cells'], runs=as_shown.shown(there, page).values())
        put(file.with_suffix('.llms.md'), re.sub(r'(?m)^(?:</?div|<!-- WARNING).*\n', '', twin))
        ast.parse(script := block('script', its))
        put(file.with_suffix('.py'), script)
        put(file, mended(file.read_text(encoding='utf-8'), its))
        shutil.copy(page, file.with_suffix('.ipynb'))
    for name in ('robots.txt', 'llms.txt'): put(DOCS/name, block(name[:-4], about))

def main():
    start = time.monotonic()
    os.chdir(pages.ROOT)
    process()
    site, by = tidy(), 'Quarto' if shutil.which('quarto') else 'smalldocs'
    made = smallsite()
    if by == 'Quarto': quarto()
    mend(site, made)
    print(f'{len(site)} pages in {DOCS.name}, by {by}, {time.monotonic() - start:.0f} s')

if __name__ == '__main__': main()
