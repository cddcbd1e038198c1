/** Where figures go, as their names, values and labels. */
export interface MetricsSink {
  counter(name: string, value: number, labels: Readonly<Record<string, string>>): void
  gauge(name: string, value: number, labels: Readonly<Record<string, string>>): void
  histogram(name: string, value: number, labels: Readonly<Record<string, string>>): void
}
