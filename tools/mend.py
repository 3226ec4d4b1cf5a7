"""What must be mended in a built site, whoever built it: nothing comes from another host, links to our own pages work anywhere"""
import html, re, sys
import pages

OUTSIDE = r'(?:https?:)?//[^"\')]+'
SCRIPT = re.compile(rf'<script\b[^>]*\bsrc="({OUTSIDE})"[^>]*></script>\s*')
STYLE = re.compile(rf'<link\b(?=[^>]*\brel="(?:stylesheet|preconnect|preload|dns-prefetch|modulepreload)")[^>]*\bhref="({OUTSIDE})"[^>]*>\s*')
IMPORT = re.compile(rf'@import\s*(?:url\()?["\']?({OUTSIDE})["\']?\)?[^;]*;')
REQUIRED = re.compile(r'<script[^>]*>\s*define\(.jquery., *\[\], *function\(\) *\{ *return window\.jQuery; *\}\)\s*</script>\s*')
UNNEEDED = re.compile(r'/(require|jquery)(\.min)?\.js')           # Quarto adds them for outputs in HTML; ours need neither
WIDGETS = re.compile(r'/html-manager@[^/]*/dist/embed(-amd)?\.js')

def refuse(file, url): sys.exit(f'{file.name} asks another host for {url}: bring it along (tools/vendor.py), or say in tools/mend.py that it is not needed')

def local(file, url):
    "What stands in the place of a script from another host"
    if UNNEEDED.search(url): return ''
    if WIDGETS.search(url): return '<script src="site_libs/widgets/dist/embed.js"></script>\n'
    refuse(file, url)

def from_here(file, text):
    "A page without scripts and styles from other hosts"
    text = REQUIRED.sub('', SCRIPT.sub(lambda m: local(file, m[1]), text))
    for found in STYLE.finditer(text): refuse(file, found[1])
    return text

def with_own_links(text, address):
    "Links to our own pages lead to the pages beside this one, so that a copy of the site works anywhere"
    return re.sub(rf'(<a\b[^>]*\bhref="){re.escape(address)}/?(?=[^"]*\.html[#"])', r'\1', text)

def with_anchors(text, name, ids):
    "A link to a method without an entry of its own leads to its class"
    def lead(m):
        page, _, anchor = m[2].partition('#')
        there = ids.get(page or name, ())
        return m[0] if anchor in there or anchor.partition('.')[0] not in there else f'{m[1]}{page}#{anchor.partition(".")[0]}"'
    return re.sub(r'(<a\b[^>]*\bhref=")([\w.]*#[\w.]+)"', lead, text)

def with_places(text, page, cfg):
    "Under a page's title: the page as a notebook, here and on Colab"
    if not page: return text
    path = f"blob/{cfg['branch']}/{cfg['nbs_path']}/{page.name}"
    colab = f"https://colab.research.google.com/github/{cfg['user']}/{cfg['repo']}/{path}"
    line = f'<p class="page-places"><a href="{html.escape(colab)}">Open in Colab</a> <a href="{html.escape(cfg["git_url"])}/{path}">Notebook</a></p>'
    return re.sub(r'(<header id="title-block-header".*?)(</header>)', lambda m: m[1] + line + m[2], text, count=1, flags=re.S)

def within_reach(text):
    "Code and tables that scroll can be scrolled with the keyboard too"
    text = re.sub(r'<pre(?![^>]*tabindex)(?=[ >])', '<pre tabindex="0"', text)
    text = re.sub(r'<div (?=style="[^"]*overflow-x: ?auto|[^>]*\bid="fig-)', '<div tabindex="0" ', text)
    text = re.sub(r'<table\b', '<div class="table-scroll" tabindex="0" role="region" aria-label="Table"><table', text)
    return text.replace('</table>', '</table></div>')

def with_code(text):
    "Code words in captions are code, as in prose"
    return re.sub(r'<figcaption.*?</figcaption>', lambda m: re.sub(r'`([^`<]+)`', r'<code>\1</code>', m[0]), text, flags=re.S)

def mend_styles(folder):
    "Stylesheets import nothing from another host: they want fonts, and ours are the reader's own"
    for file in folder.rglob('*.css'):
        text = file.read_text(encoding='utf-8')
        if IMPORT.search(text): file.write_text(IMPORT.sub('', text), encoding='utf-8', newline='\n')

def mend(site):
    "Mend every page and stylesheet of a site, in place"
    cfg = pages.settings()
    notebooks = {pages.html_name(p): p for p in pages.all_pages()}
    mend_styles(site)
    texts = {file: from_here(file, file.read_text(encoding='utf-8')) for file in site.glob('*.html')}
    ids = {file.name: set(re.findall(r'\bid="([^"]+)"', text)) for file, text in texts.items()}
    for file, text in texts.items():
        text = with_anchors(with_own_links(text, cfg['doc_host'] + cfg['doc_baseurl']), file.name, ids)
        text = within_reach(with_code(with_places(text, notebooks.get(file.name), cfg)))
        file.write_text(text, encoding='utf-8', newline='\n')
