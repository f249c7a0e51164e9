// What the system and the window ask for.

class Query {
  matches = $state(false);

  constructor(query: string) {
    const media = matchMedia(query);
    this.matches = media.matches;
    media.addEventListener('change', () => (this.matches = media.matches));
  }
}

export const still = new Query('(prefers-reduced-motion: reduce)');
export const narrow = new Query('(max-width: 899px)');
