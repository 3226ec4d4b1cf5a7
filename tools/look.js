// What browse_site.py and test_panel.py ask a page in the browser; each is the value of one name.
window.look = {
  // Is everything drawn?
  drawn: () => document.fonts.status == 'loaded' && (!window.Reveal || Reveal.isReady())
    && (!window.mermaid
        || [...document.querySelectorAll('pre.mermaid')].every(d => d.querySelector('svg'))),

  // What site.yml asks of a page: rules by their kind, each a selector and what to say; places say
  // what capital letters mean
  rules: async (rules, places) => {
    const {AT, PATH, LESSON} = places, found = []
    if (!PATH && AT != '404.html') return found // slides
    const kinds = ['barred', PATH ? 'wanted' : 'lost', ...LESSON ? ['lesson'] : []]
    for (const kind of kinds) for (const [selector, what] of Object.entries(rules[kind])) {
      const meant = selector.replace(/\b[A-Z]{2,}\b/g, word => places[word] || word)
      const tags = [...document.querySelectorAll(meant)]
      if (kind == 'barred') found.push(...tags.map(tag => `${what}: ${tag.outerHTML.slice(0, 80)}`))
      else if (!tags.length) found.push(what)
    }
    const main = document.querySelector('main').cloneNode(true)
    main.querySelectorAll('pre, script, style, annotation, code').forEach(tag => tag.remove())
    const raw = main.textContent.match(/^\s*:::|@(?:fig|eq)-[\w-]+|\]\([^)\s]+\)/m)
    if (raw) found.push(`left raw: ${raw[0].trim()}`)
    if (PATH && main.textContent.length < 150) found.push('it is as good as empty')
    return found.concat(PATH ? await look.twin(places) : [])
  },

  // What is wrong with a page's line in llms.txt, and with its twin, which is text for a model to read
  twin: async ({AT, SITE}) => {
    const root = location.href.slice(0, -AT.length), name = AT.replace(/html$/, 'llms.md'), found = []
    const [llms, twin] = await Promise.all(['llms.txt', name].map(async file => (await fetch(root + file)).text()))
    const lines = llms.split('\n'), line = lines.find(l => l.includes(`](${SITE}/${name}): `)) || ''
    const [title, said] = line.split(`](${SITE}/${name}): `)
    if (!said) found.push('llms.txt does not describe it')
    else if (lines.filter(l => l.startsWith(title + '](') || l.endsWith(`.llms.md): ${said}`)).length > 1)
      found.push('another page has its title or its description')
    if (new Blob([twin]).size > 60000) found.push('its twin, .llms.md, is above 60 KB')
    const html = twin.replace(/^```.*?^```/gms, '').match(/;base64,\w{20}|^ {0,3}<(?!!--|img)\S+/m)
    return html ? found.concat(`its twin is no plain text: ${html[0]}`) : found
  },

  // What reaches out of its column and stands in no frame that scrolls by keyboard and has a name;
  // code that is cut off (at 1280 pixels: of 84 columns); what a reader looks for and does not see
  wide: () => {
    const main = document.querySelector('main') || document.body, found = []
    const frame = '[tabindex="0"][role=region][aria-label]'
    const told = e => `${e.tagName.toLowerCase()} ${e.textContent.trim().slice(0, 50)}`
    document.querySelectorAll('details').forEach(d => { d.open = true })
    const edge = main.getBoundingClientRect().right + 1, box = e => e.getBoundingClientRect()
    for (const e of window.Reveal ? [] : main.querySelectorAll(':not(svg *, math *, pre *)')) {
      const scrolls = e.scrollWidth > e.clientWidth + 1 && e.clientWidth
                      && /auto|scroll/.test(getComputedStyle(e).overflowX)
      if (scrolls && !e.matches(frame)) found.push(`scrolls, but not by keyboard: ${told(e)}`)
      if (box(e).width > 1 && box(e).right > edge && !e.parentElement.closest(frame))
        found.push(`is wider than its column: ${told(e)}`)
      if (e.matches('pre.sourceCode') && scrolls && (innerWidth < 1280
          || Math.max(...e.textContent.split('\n').map(l => l.length)) <= 84))
        found.push(`cuts off ${told(e)}`)
    }
    if (document.documentElement.scrollWidth > innerWidth) found.push('scrolls sideways')
    const skip = document.querySelector('.skip-link'), here = document.querySelector('#quarto-sidebar .active')
    if (skip) {
      skip.focus()
      if (box(skip).top < 0 || box(skip).width < 40) found.push('hides its link past the navigation')
      skip.blur()
    }
    if (here && innerWidth >= 1280 && (box(here).top < 0 || box(here).bottom > innerHeight))
      found.push('hides in the sidebar where we are')
    return found.concat(window.Reveal && innerWidth == 1280 ? look.slides() : [])
  },

  // Figures that glare in the dark
  glares: () => [...document.querySelectorAll('main img.on-white')]
    .filter(img => getComputedStyle(img).filter == 'none').map(img => `glares: ${img.alt.slice(0, 50)}`),

  // Slides that do not fit their frame or hide code, and code that is small for a room, of 720 pixels
  slides: () => Reveal.getSlides().flatMap(slide => {
    const {h, v} = Reveal.getIndices(slide), frame = Reveal.getSlidesElement(), found = []
    Reveal.slide(h, v)
    const box = frame.getBoundingClientRect(), seen = [...slide.querySelectorAll('*')]
      .filter(e => e.checkVisibility() && !e.parentElement.closest('.scrolls'))
    const out = ({right, bottom}) => right > box.right + 1 || bottom > box.bottom + 1
    const most = seen.find(e => out(e.getBoundingClientRect()))
    if (most) found.push(`overflows: ${most.textContent.trim().slice(0, 60) || most.nodeName}`)
    if (slide.querySelector('.jp-Cell-inputWrapper.scrolls')) found.push('hides code')
    if ([...slide.querySelectorAll('pre')].some(p => parseFloat(getComputedStyle(p).fontSize) < 20))
      found.push('has code of less than 20 pixels')
    return found.map(f => `slide ${h}/${v} ${f}`)
  }),

  // Serious rules of axe-core that are broken
  serious: async where => (await axe.run(where || document, {
    runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa'], resultTypes: ['violations']})).violations
    .filter(v => ['serious', 'critical'].includes(v.impact))
    .map(v => `${v.help} (${v.id}), ${v.nodes.length} times, as ${v.nodes[0].html.slice(0, 120)}: `
              + v.nodes[0].any.concat(v.nodes[0].all).map(c => c.message)[0]),

  // The first three pages that the search box finds for each query; it lists each once
  ranked: async queries => {
    const box = new Fuse(await (await fetch('search.json')).json())
    return queries.map(q => {
      const found = box.search(q).map(hit => hit.item.href.split('#')[0])
      return new Set(found).size < found.length ? [`a page twice, for ${q}`] : found.slice(0, 3)
    })
  },

  // What is wrong with what the search box shows for a word
  searched: async word => {
    const input = document.querySelector('#quarto-search input, .aa-Input'), end = Date.now() + 9000
    const found = () => document.querySelector('.smalldocs-search-results a, .aa-Panel a')
    input.focus()
    input.value = word
    input.dispatchEvent(new Event('input', {bubbles: true}))
    while (!found() && Date.now() < end) await new Promise(done => setTimeout(done, 50))
    if (!found()) return [`finds no ${word}`]
    const text = await (await fetch(found().href)).text()
    return text.includes(word) ? [] : [`leads from ${word} to ${found().href}`]
  },

  // Of JupyterLab: its kernel, whether it waits, and what it says to some code; of the panel: whether
  // its curve has more than n points
  kernel: () => window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel,
  idle: () => look.kernel()?.connectionStatus == 'connected' && look.kernel().status == 'idle',
  run: async code => (await look.kernel().requestExecute({code}).done).content.evalue || 'ok',
  drew: n => [...document.querySelectorAll('polyline.training')].at(-1).points.length > n,

  // Of the panel: nothing cut off, Train on the first screen, wide charts, the theme's colours
  fits: ([width, dark]) => {
    const [panel, drawn, train] = ['', ' svg', ' button'].map(
      s => document.querySelector('.torchnn-controls' + s)), box = e => e.getBoundingClientRect()
    const all = box(panel).width, column = box(drawn.closest('.widget-html')).width
    return document.documentElement.scrollWidth <= innerWidth && box(train).bottom < innerHeight
      && box(drawn).width > column - 6 && column > all*(width < 600 ? .97 : .36)
      && getComputedStyle(document.body).backgroundColor.match(/\d+/)[0] < 99 == dark
  },
}
