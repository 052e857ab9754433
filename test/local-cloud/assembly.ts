import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** One entry of a template's `Resources`. */
export interface TemplateResource {
  readonly Type: string;
  readonly Properties?: Readonly<Record<string, unknown>>;
  readonly Condition?: string;
}

export interface Template {
  readonly Parameters?: Readonly<
    Record<string, { readonly Type: string; readonly Default?: string }>
  >;
  readonly Resources: Readonly<Record<string, TemplateResource>>;
}

export interface Stack {
  readonly name: string;
  readonly template: Template;
}

/** A build context that a task definition names by its hash. */
export interface ImageAsset {
  readonly hash: string;
  /** Absolute. */
  readonly directory: string;
  /** The Dockerfile's arguments: here they name base images. */
  readonly buildArguments: Readonly<Record<string, string>>;
}

/** What `cdk synth` wrote: the templates in order of deployment, and the assets they name. */
export interface Assembly {
  /** Where it lies: several if environments were synthesized beside each other. */
  readonly directories: readonly string[];
  readonly stacks: readonly Stack[];
  readonly images: ReadonlyMap<string, ImageAsset>;
  /** Object key in the bootstrap bucket (`<hash>.zip`) to the directory that it was made of. */
  readonly files: ReadonlyMap<string, string>;
}

interface Manifest {
  readonly artifacts: Readonly<
    Record<
      string,
      {
        readonly type: string;
        readonly dependencies?: readonly string[];
        readonly properties?: {
          readonly templateFile?: string;
          readonly stackName?: string;
          readonly file?: string;
        };
      }
    >
  >;
}

interface AssetManifest {
  readonly files?: Readonly<
    Record<
      string,
      {
        readonly source: { readonly path?: string };
        readonly destinations: Readonly<Record<string, { readonly objectKey: string }>>;
      }
    >
  >;
  readonly dockerImages?: Readonly<
    Record<
      string,
      {
        readonly source: {
          readonly directory?: string;
          readonly dockerBuildArgs?: Readonly<Record<string, string>>;
        };
      }
    >
  >;
}

/** Reads a directory that `cdk synth` wrote. */
export function readAssembly(directory: string): Assembly {
  const read = <T>(file: string): T => JSON.parse(readFileSync(join(directory, file), 'utf8')) as T;
  const { artifacts } = read<Manifest>('manifest.json');
  const stacks: Stack[] = [];
  const images = new Map<string, ImageAsset>();
  const files = new Map<string, string>();
  for (const [id, { type, properties }] of Object.entries(artifacts)) {
    if (type === 'aws:cloudformation:stack' && properties?.templateFile !== undefined) {
      const template = read<Template>(properties.templateFile);
      stacks.push({ name: properties.stackName ?? id, template });
    }
    if (type === 'cdk:asset-manifest' && properties?.file !== undefined) {
      const assets = read<AssetManifest>(properties.file);
      for (const [hash, { source }] of Object.entries(assets.dockerImages ?? {})) {
        if (source.directory === undefined) continue;
        images.set(hash, {
          hash,
          directory: join(directory, source.directory),
          buildArguments: source.dockerBuildArgs ?? {},
        });
      }
      for (const { source, destinations } of Object.values(assets.files ?? {})) {
        for (const { objectKey } of Object.values(destinations)) {
          if (source.path !== undefined) files.set(objectKey, join(directory, source.path));
        }
      }
    }
  }
  if (stacks.length === 0) throw new Error(`${directory} holds no stack: run cdk synth into it.`);
  return { directories: [directory], stacks, images, files };
}

/** Several environments' as one: what is deployed into the same account. */
export function joinAssemblies(assemblies: readonly Assembly[]): Assembly {
  return {
    directories: assemblies.flatMap(({ directories }) => directories),
    stacks: assemblies.flatMap(({ stacks }) => stacks),
    images: new Map(assemblies.flatMap(({ images }) => [...images])),
    files: new Map(assemblies.flatMap(({ files }) => [...files])),
  };
}
