#!/usr/bin/env -S node --max-semi-space-size=2
import { catchSignals } from './daemon/process/process-end.ts'

// Loading the commands takes a third of a second, in which a signal would find nobody and end the process.
if (process.argv[2] === 'start') catchSignals()
await import('./commands.ts')
