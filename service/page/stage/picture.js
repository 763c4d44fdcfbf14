// A picture that was chosen: the file, which is sent as it is, and its upright pixels, which are drawn.

const SMALL = 2048; // pixels of the longest side of the copy that is drawn while the whole picture is in sight

export class Unreadable extends Error {}

/**
 * Opens a file. The browser applies the EXIF orientation, as the service does.
 * @throws {Unreadable} the browser cannot show it.
 */
export async function openPicture(file) {
  let full;
  try {
    full = await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch {
    throw new Unreadable(`“${file.name}” is not a picture that this browser can show.`);
  }
  const { width, height } = full;
  const factor = SMALL / Math.max(width, height);
  const small =
    factor >= 1
      ? full
      : await createImageBitmap(full, {
          resizeWidth: Math.max(1, Math.round(width * factor)),
          resizeHeight: Math.max(1, Math.round(height * factor)),
          resizeQuality: "medium",
        });
  return new Picture(file, full, small);
}

class Picture {
  constructor(file, full, small) {
    [this.file, this.full, this.small] = [file, full, small];
    [this.width, this.height] = [full.width, full.height];
  }

  /** The pixels to draw where one of the picture's covers `scale` of the screen's. */
  at(scale) {
    return scale * this.width > this.small.width ? this.full : this.small;
  }

  close() {
    this.full.close();
    if (this.small !== this.full) this.small.close();
  }
}
