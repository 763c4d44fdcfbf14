// Rectangles of whole pixels, `{left, top, right, bottom}` without the last column and row; null is none.

export function clip(rect, width, height) {
  const left = Math.max(0, Math.floor(rect.left));
  const top = Math.max(0, Math.floor(rect.top));
  const right = Math.min(width, Math.ceil(rect.right));
  const bottom = Math.min(height, Math.ceil(rect.bottom));
  return left < right && top < bottom ? { left, top, right, bottom } : null;
}

export function union(a, b) {
  if (!a || !b) return a ?? b;
  return {
    left: Math.min(a.left, b.left),
    top: Math.min(a.top, b.top),
    right: Math.max(a.right, b.right),
    bottom: Math.max(a.bottom, b.bottom),
  };
}

export function grow(rect, by) {
  return { left: rect.left - by, top: rect.top - by, right: rect.right + by, bottom: rect.bottom + by };
}

export function scaled(rect, by) {
  return { left: rect.left * by, top: rect.top * by, right: rect.right * by, bottom: rect.bottom * by };
}

export const area = (rect) => (rect ? (rect.right - rect.left) * (rect.bottom - rect.top) : 0);
