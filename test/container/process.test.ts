import { processFactory } from '../../src/container/process.ts'
import { silentLogger } from '../../src/log.ts'
import { testContainerFactory } from './conformance.ts'

testContainerFactory('process', () =>
  processFactory({ instanceId: 'test', log: silentLogger, apiHost: () => 'http://localhost:3233' }),
)
