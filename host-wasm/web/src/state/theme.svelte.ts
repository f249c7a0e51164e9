// Light, dark, or as the system has it. A browser that stores nothing simply forgets the choice.

const KEY = 'rendezvous-theme';
export const THEMES = ['auto', 'light', 'dark'] as const;
export type Theme = (typeof THEMES)[number];

function stored(): Theme {
  try {
    return THEMES.find((theme) => theme === localStorage.getItem(KEY)) ?? 'auto';
  } catch {
    return 'auto';
  }
}

class Choice {
  theme = $state<Theme>(stored());

  constructor() {
    this.show();
  }

  choose(theme: Theme): void {
    this.theme = theme;
    this.show();
    try {
      localStorage.setItem(KEY, theme);
    } catch {
      // Nothing to be done, and nothing is lost.
    }
  }

  private show(): void {
    document.documentElement.dataset.theme = this.theme;
  }
}

export const choice = new Choice();
