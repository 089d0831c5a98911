import { metrics } from '@opentelemetry/api'
import { ConsoleMetricExporter, MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics'
import { createVerifier } from 'logto-authkit'
import { observe } from './opentelemetry.mjs'

// The console shows the metrics. In production, use the exporter of your monitoring system.
const reader = new PeriodicExportingMetricReader({ exporter: new ConsoleMetricExporter(), exportIntervalMillis: 5_000 })
metrics.setGlobalMeterProvider(new MeterProvider({ readers: [reader] }))
observe(createVerifier()) // reads LOGTO_URL and LOGTO_AUDIENCE from the environment

await import('./app.mjs')
