/** The objects of the API: how they come in, and what is told about them there. */
export { ObjectEvents } from './object-events.ts';
export { Reflection, reflectorDetail, unreadableTexts } from './reflection.ts';
export { ServiceRanges } from './service-ranges.ts';
