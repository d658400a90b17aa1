// Colours of the canvas, from the style sheet's variables, so that light and
// dark are decided in one place.

const NAMES = ['ground', 'grid', 'grid-text', 'text', 'panel', 'moving', 'stopped', 'silent', 'silent-fill', 'located', 'select'];

// watchTheme calls back with the colours, now and after every change between light and
// dark.
export function watchTheme(callback) {
  const read = () => {
    const style = getComputedStyle(document.documentElement);
    callback(Object.fromEntries(NAMES.map((n) => [n, style.getPropertyValue('--' + n).trim()])));
  };
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', read);
  read();
}
