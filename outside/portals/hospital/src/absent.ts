// In place of a module of Node that no browser has and nobody needs where there is WebCrypto.

export {};
