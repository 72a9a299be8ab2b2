// Pictures on their way in, and out of base64.

const LONGEST = 2048; // pixels of the longer side that is sent: models edit at most that
const READ_BY_SERVER = ["image/jpeg", "image/png", "image/webp", "image/gif", "image/bmp"];

export class Unreadable extends Error {}

// A picture to show and to send: `{blob, url, width, height, name}`.
// What is larger than need be, or of a kind that the server does not read, is drawn anew.
export async function readPicture(file, maxBytes) {
  const bitmap = await createImageBitmap(file, { imageOrientation: "from-image" }).catch(() => {
    throw new Unreadable(/hei[cf]$/i.test(file.type || file.name) ? "heic" : "unsupported");
  });
  const { width, height } = bitmap;
  const scale = Math.min(1, LONGEST / Math.max(width, height));
  const fits = scale === 1 && file.size <= maxBytes && READ_BY_SERVER.includes(file.type);
  const blob = fits ? file : await redrawn(bitmap, scale);
  bitmap.close();
  return asPicture(blob, width, height, file.name);
}

export function asPicture(blob, width, height, name) {
  return { blob, url: URL.createObjectURL(blob), width, height, name };
}

async function redrawn(bitmap, scale) {
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  const pen = canvas.getContext("2d");
  pen.fillStyle = "#fff"; // as the server lays transparency
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.imageSmoothingQuality = "high";
  pen.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.93));
}

export function blobOf(base64, type) {
  const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  return new Blob([bytes], { type });
}

// The first picture in what was dropped or pasted, or undefined.
export function pictureIn(transfer) {
  return [...(transfer?.files ?? [])].find((file) => /^image\//.test(file.type) || /\.hei[cf]$/i.test(file.name));
}
