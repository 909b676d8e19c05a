@device
Feature: Runtime status
  What happens to a workload long after it was installed becomes visible where the supplier says, and floods nobody.

  @behaviour:RS-01 @needs:tamper
  Scenario Outline: A workload that dies becomes visible as the supplier declares
    Given the device runs "<role>" release 1
    When somebody stops "<role>" on the device
    Then the end of "<role>" becomes visible as the supplier declares

    Examples:
      | role    |
      | chart   |
      | archive |

  @behaviour:RS-02 @needs:tamper
  Scenario: A workload that dies again and again does not flood the WFM
    Given the device runs "primary" release 1
    When "primary" dies 5 times in a row
    Then the device tells it in few words, and the truth in the end
