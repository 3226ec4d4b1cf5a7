// What browse_site.py and test_panel.py ask a page in the browser; each is the value of one name.
window.look = {
  // Is everything drawn?
  drawn: () => document.fonts.status == 'loaded' && (!window.Reveal || Reveal.isReady())
    && (!window.mermaid
        || [...document.querySelectorAll('pre.mermaid')].every(d => d.querySelector('svg'))),

  // Code that is cut off (at 1280 pixels: of 84 columns), and a page that scrolls sideways
  wide: () => [...document.querySelectorAll('main pre.sourceCode')]
    .filter(p => p.scrollWidth > p.clientWidth + 1 && (innerWidth < 1280
                 || Math.max(...p.textContent.split('\n').map(l => l.length)) <= 84))
    .map(p => 'cuts off ' + p.textContent.slice(0, 60))
    .concat(document.documentElement.scrollWidth > innerWidth ? ['scrolls sideways'] : [])
    .concat(window.Reveal && innerWidth == 1280 ? look.slides() : []),

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

  // The first three pages that the search box finds for each query
  ranked: async queries => {
    const box = new Fuse(await (await fetch('search.json')).json())
    return queries.map(q => box.search(q, {limit: 3}).map(hit => hit.item.href.split('#')[0]))
  },

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
