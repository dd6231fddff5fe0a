import { fakeFactory } from '../fakes/container.ts'
import { testContainerFactory } from './conformance.ts'

testContainerFactory('fake', () => fakeFactory(), { runsProcesses: false })
