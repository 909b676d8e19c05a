@wfm
Feature: An application reaches the device as its supplier described it
  The WFM makes a deployment from an application description and the operator's choices, and changes nothing else.

  @needs:northbound @req:AD-008 @req:AD-014 @req:AD-015
  Scenario Outline: The <role> application is deployed with its own components
    Given client A has been given the <role> application
    When client A fetches everything its manifest names
    Then the deployment has the components of one profile of the application, in their order

    Examples:
      | role      |
      | primary   |
      | secondary |
      | tertiary  |

  @needs:northbound @req:AD-022 @req:AD-025 @req:DEP-01
  Scenario: What an application demands of a device is passed on unchanged
    Given client A has been given an application with demands
    When client A fetches everything its manifest names
    Then the deployment makes the same demands as the application

  @needs:northbound @req:AD-028 @req:AD-029 @req:EXT-05 @req:AD-032 @req:EXT-06 @req:EXT-003 @req:EXT-004 @req:EXT-005 @req:EXT-007
  Scenario: Extensions for the device are passed on unchanged
    Given client A has been given an application with extensions for the device
    When client A fetches everything its manifest names
    Then the deployment has the same extensions in the same places

  @needs:northbound @req:EXT-03
  Scenario: Extensions for the WFM stay with the WFM
    Given client A has been given an application with extensions for the WFM
    When client A fetches everything its manifest names
    Then the deployment has none of them

  @needs:northbound @req:APP-06 @req:APP-07
  Scenario: The values of the operator reach the device
    Given client A has been given an application with settings
    When the operator changes its settings
    And client A fetches everything its manifest names
    Then the deployment has the values of the operator

  @needs:northbound @req:APP-06 @req:APP-07
  Scenario: A value that breaks the rules of a setting is refused
    Given client A has been given an application with settings
    When the operator gives a setting a value that its rules forbid
    And client A asks for its manifest
    And the operator changes its settings
    And client A fetches everything its manifest names
    Then the value was refused and nothing has changed
    And the deployment has the values of the operator

  @needs:northbound @req:APP-06 @req:APP-07 @req:APP-08
  Scenario: A setting that cannot be changed is not changed
    Given client A has been given an application with a setting that cannot be changed
    When the operator tries to change that setting
    And client A asks for its manifest
    And the operator changes its other settings
    And client A fetches everything its manifest names
    Then the value was refused and nothing has changed
    And the deployment has the values of the operator
