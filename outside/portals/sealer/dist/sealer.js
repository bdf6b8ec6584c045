// The declarations came first; what they declare follows.
export {};
