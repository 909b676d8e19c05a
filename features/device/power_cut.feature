@device
Feature: Power cuts
  Power may go at any moment. Wherever it does, the device ends on the newest desired state: nothing lost, nothing doubled.

  @behaviour:RB-03 @needs:power-cut @needs:effects
  Scenario Outline: Power is lost at every point of <change> of <what>
    Given the device runs "<role>" release 1 beside "<other>"
    When the power is cut at every point of <change> of "<role>", one point after the other
    Then after each cut the device ended on the newest desired state

    Examples:
      | change                | what                    | role      | other     |
      | an update             | a chart                 | chart     | archive   |
      | an update             | a Compose archive       | archive   | chart     |
      | an update             | a chart of parts        | tertiary  | archive   |
      | a first installation  | a chart                 | chart     | archive   |
      | a removal             | a Compose archive       | archive   | chart     |
      | recovering an update  | a chart                 | chart     | archive   |
