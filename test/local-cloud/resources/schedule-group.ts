import type { Adapter } from '../model.ts';

/** `AWS::Scheduler::ScheduleGroup`: made in the control plane, so that functions can put schedules into it. */
export const scheduleGroup: Adapter = ({ resource, model }) => {
  model.scheduleGroups.push(resource.physicalId);
};
