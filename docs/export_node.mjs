// Emotions of a WAV file by an exported model, without Python: node docs/export_node.mjs MODEL.onnx SOUND.wav
// Needs: npm install onnxruntime-node wavefile
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const require = createRequire(join(process.cwd(), "index.js")); // packages of the current folder
const ort = require("onnxruntime-node");
const { WaveFile } = require("wavefile");

const [model, sound] = process.argv.slice(2);
const wav = new WaveFile(readFileSync(sound));
if (wav.fmt.sampleRate !== 16000) throw new Error(`expected 16000 Hz, found ${wav.fmt.sampleRate}`);
wav.toBitDepth("32f");
const read = wav.getSamples(false, Float32Array);
const samples = Array.isArray(read) ? read[0].map((x, i) => read.reduce((sum, c) => sum + c[i], 0) / read.length) : read;

const session = await ort.InferenceSession.create(model);
const { probabilities } = await session.run({ samples: new ort.Tensor("float32", samples, [samples.length]) });
console.log(JSON.stringify(Array.from(probabilities.data)));
