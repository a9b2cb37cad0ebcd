/** The ways in which a steer is delivered, each with what it means, for people and models. */
export const DELIVERIES = {
  'mid-turn': 'delivered in the middle of its turn; the model sees it at its next call',
  'queued-behind-tool': 'delivered; it is in the conversation as soon as the running tool or model call ends',
  'started-turn': 'delivered; it opened a new turn',
  interrupted: 'delivered; what ran was stopped for it',
  held: 'kept; it is delivered as soon as a turn runs',
} as const;
