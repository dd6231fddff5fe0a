import { expect, test } from '@playwright/test'

test('greets who fills in the form', async ({ page }) => {
  await page.goto('page')
  await expect(page).toHaveTitle('Greeter')
  await page.getByRole('textbox').fill('World')
  await page.getByRole('button').click()
  await expect(page.getByRole('heading')).toHaveText('Hello, World!')
})
