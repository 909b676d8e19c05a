@device
Feature: Stories
  An application is deployed, updated, reconfigured and removed, whatever it is made of.

  @behaviour:US-01 @behaviour:US-02 @behaviour:US-03 @behaviour:US-04 @req:DS-072 @req:DS-073 @req:ST-020
  Scenario Outline: The whole life of <what>
    Given a device that is managed by the WFM
    When the WFM publishes "<role>" release 1
    Then the device installs "<role>" and reports it
    When the WFM publishes "<role>" release 2
    Then the device installs "<role>" and reports it
    And it reports the version that "<role>" came with
    When the WFM publishes "<role>" release 2 with other parameters
    Then the device installs "<role>" and reports it
    And what runs of "<role>" is what was published
    When the WFM withdraws "<role>"
    Then the device removes "<role>" and reports it

    Examples:
      | what                    | role      |
      | a chart                 | chart     |
      | a Compose archive       | archive   |
      | an application of parts | multipart |

  @behaviour:US-04 @req:DS-072 @needs:inspect
  Scenario: A changed parameter reaches the components that it is for, and leaves the others running
    Given the device runs "multipart" release 1
    When the WFM changes a parameter that is for one component of "multipart" only
    Then the device installs "multipart" and reports it
    And only the component that the parameter is for was touched
