// A client of the service, written against what typescript-fetch generates. It uploads a photo, colorizes it by its file
// and by its id, and keeps what comes back: node client.js URL PHOTO FOLDER
import { readFile, writeFile } from "node:fs/promises";
import { Configuration, PhotosApi, PicturesApi, ServiceApi } from "./generated";

async function main(url: string, path: string, folder: string): Promise<void> {
  const configuration = new Configuration({ basePath: url });
  const photos = new PhotosApi(configuration);
  const pictures = new PicturesApi(configuration);
  const photo = new Blob([await readFile(path)], { type: "image/jpeg" });

  const health = await new ServiceApi(configuration).health();
  if (!health.modelLoaded) throw new Error(health.status);

  const keep = async (name: string, picture: Blob): Promise<void> =>
    writeFile(`${folder}/${name}.jpg`, Buffer.from(await picture.arrayBuffer()));

  const upload = await photos.upload({ file: photo });
  await keep("upload", await pictures.uploaded({ filename: upload.filename }));
  const byFile = await photos.colorize({ file: photo, saturation: 1.5 });
  await keep("by-file", await pictures.result({ filename: byFile.filename }));
  const byId = await photos.colorize({ imageId: upload.imageId, saturation: 1.5 });
  await keep("by-id", await pictures.download({ fileId: byId.resultId }));
  const [likeliest] = await photos.colors({ imageId: upload.imageId, x: 0.5, y: 0.25 });
  if (!(likeliest.share > 0 && likeliest.color.startsWith("#"))) throw new Error(JSON.stringify(likeliest));
}

const [url, photo, folder] = process.argv.slice(2);
main(url, photo, folder).catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
