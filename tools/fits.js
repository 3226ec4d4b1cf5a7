// Is nothing cut off, Train on the first screen, the chart wide, and the page dark if it must be?
([width, dark]) => {
    const [panel, drawn, train] = ['', ' svg', ' button'].map(
        s => document.querySelector('.torchnn-controls' + s)), box = e => e.getBoundingClientRect();
    const all = box(panel).width, column = box(drawn.closest('.widget-html')).width;
    return document.documentElement.scrollWidth <= innerWidth && box(train).bottom < innerHeight
        && box(drawn).width > column - 6 && column > all*(width < 600 ? .97 : .36)
        && getComputedStyle(document.body).backgroundColor.match(/\d+/)[0] < 99 == dark; }
