// When the page can be seen. What takes long is begun only then.

/** A page in the background is not painted at all; it goes on after so long. */
const PATIENCE = 1_000;
const FIRST = 'first-contentful-paint';

export const painted = (): Promise<void> =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, PATIENCE);
    const observer = new PerformanceObserver((list) => {
      if (list.getEntriesByName(FIRST).length === 0) return;
      observer.disconnect();
      clearTimeout(timer);
      resolve();
    });
    observer.observe({ type: 'paint', buffered: true });
  });
