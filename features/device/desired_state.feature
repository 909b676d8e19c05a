@device
Feature: Desired state
  What the WFM publishes is what the device runs: no more, no less, and it says so.

  @req:DS-072 @req:DS-002 @req:ST-011 @req:DS-071 @req:DS-053 @behaviour:US-01
  Scenario Outline: Applications are deployed
    Given a device that is managed by the WFM
    When the WFM publishes <count> applications
    Then the device installs all <count> applications and reports each
    And it fetched "primary" before it installed it

    Examples:
      | count |
      | 1     |
      | 2     |
      | 3     |
