import { growthTable } from './growth.mjs'
import { describe } from './machine.mjs'
import { goalsOf } from './statistics.mjs'
import { goalText, ratioText, short, table } from './text.mjs'

/** One JSON object a line, for programs; what failed, or could not be measured here, goes to standard error. */
export class JsonReport {
  failed = false

  begin() {}

  workload({ name }, results) {
    for (const { subject, failure, unavailable, figures } of results) {
      if (failure !== undefined) this.failed = true
      const reason = failure ?? unavailable
      if (reason !== undefined) console.error(`${name} ${subject}: ${reason}`)
      for (const { unit, median, min, max, n, ratio } of figures)
        console.log(JSON.stringify({ workload: name, subject, unit, median, min, max, n, ratio_to_baseline: ratio }))
    }
  }

  end() {}
}

/** A table for each workload, for people; last what grows with the number of sessions, and which goals were missed. */
export class TableReport {
  failed = false

  begin(run) {
    for (const line of describe(run)) console.log(line)
  }

  workload(workload, results) {
    console.log(`\n${workload.name}`)
    const rows = [['', 'unit', 'median', 'min', 'max', 'n', 'ratio']]
    for (const { subject, failure, unavailable, figures } of results) {
      for (const [i, { unit, median, min, max, n, ratio }] of figures.entries())
        rows.push([i === 0 ? subject : '', unit, short(median), short(min), short(max), String(n), ratioText(ratio)])
      if (unavailable !== undefined) rows.push([subject, `not measured: ${unavailable}`])
      if (failure === undefined) continue
      this.failed = true
      rows.push([subject, `failed: ${failure.split('\n', 1)[0]}`])
    }
    for (const line of table(rows)) console.log(`  ${line}`)
    for (const goal of goalsOf(workload, results)) console.log(`  ${goalText(goal)}`)
  }

  end(evaluated) {
    const growth = growthTable(evaluated)
    if (growth.length > 0) {
      console.log('\nCost of growth')
      for (const line of table(growth)) console.log(`  ${line}`)
    }
    const goals = evaluated.flatMap(({ workload, results }) =>
      goalsOf(workload, results).map((goal) => ({ workload, goal })),
    )
    if (goals.length === 0) return
    const missed = goals.filter(({ goal }) => !goal.isReached)
    console.log(`\n${goals.length - missed.length} of ${goals.length} goals reached`)
    for (const { workload, goal } of missed) console.log(`  ${workload.name}: ${goalText(goal)}`)
  }
}
