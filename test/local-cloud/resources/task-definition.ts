import type { Adapter, ContainerModel } from '../model.ts';
import {
  number,
  object,
  objects,
  onlyKnown,
  optionalText,
  type Properties,
  text,
  texts,
} from './read.ts';

const TASK = [
  'ContainerDefinitions',
  'Cpu',
  // A volume here is as big as the machine's disk.
  'EphemeralStorage',
  'ExecutionRoleArn',
  'Family',
  'Memory',
  'NetworkMode',
  'RequiresCompatibilities',
  'RuntimePlatform',
  'Tags',
  'TaskRoleArn',
  'Volumes',
];

const CONTAINER = [
  'Command',
  'Cpu',
  'EntryPoint',
  'Environment',
  'Essential',
  'Image',
  // Drops all that Fargate lets a task drop; the container here never has more.
  'LinuxParameters',
  'LogConfiguration',
  'Memory',
  'MountPoints',
  'Name',
  'ReadonlyRootFilesystem',
  'StopTimeout',
  'User',
];

/** Fargate's own where the template says nothing. Seconds. */
const DEFAULT_STOP_TIMEOUT = 30;

/** `AWS::ECS::TaskDefinition`: what a container is run as. Read from the template, since moto keeps half of it. */
export const taskDefinition: Adapter = ({ resource, model }) => {
  const { properties, physicalId } = resource;
  onlyKnown(properties, TASK, `task definition ${physicalId}`);
  const containers = objects(properties, 'ContainerDefinitions');
  const [container] = containers;
  if (container === undefined || containers.length > 1) {
    throw new Error(`${physicalId} should have one container; it has ${containers.length}.`);
  }
  model.taskDefinitions.set(physicalId, {
    arn: physicalId,
    family: text(properties, 'Family'),
    cpu: number(properties, 'Cpu'),
    memoryMiB: number(properties, 'Memory'),
    taskRoleArn: text(properties, 'TaskRoleArn'),
    executionRoleArn: text(properties, 'ExecutionRoleArn'),
    container: containerOf(container),
  });
};

function containerOf(of: Properties): ContainerModel {
  const name = text(of, 'Name');
  onlyKnown(of, CONTAINER, `container ${name}`);
  const command = texts(of, 'Command');
  const entryPoint = texts(of, 'EntryPoint');
  const user = optionalText(of, 'User');
  const options = object(object(of, 'LogConfiguration'), 'Options');
  const group = optionalText(options, 'awslogs-group');
  return {
    name,
    image: text(of, 'Image').split(':').at(-1) ?? '',
    ...(command === undefined ? {} : { command }),
    ...(entryPoint === undefined ? {} : { entryPoint }),
    ...(user === undefined ? {} : { user }),
    ...(group === undefined
      ? {}
      : { log: { group, streamPrefix: text(options, 'awslogs-stream-prefix') } }),
    environment: Object.fromEntries(
      objects(of, 'Environment').map((pair) => [text(pair, 'Name'), text(pair, 'Value')]),
    ),
    readOnly: of.ReadonlyRootFilesystem === true,
    stopTimeoutSeconds: number(of, 'StopTimeout', DEFAULT_STOP_TIMEOUT),
    mounts: objects(of, 'MountPoints').map((mount) => ({
      volume: text(mount, 'SourceVolume'),
      path: text(mount, 'ContainerPath'),
      readOnly: mount.ReadOnly === true,
    })),
  };
}
